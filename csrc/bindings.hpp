// The boundary: arguments are checked here, never cast or copied; errors name the argument.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <string>

#include "execution.hpp"
#include "image_stack.hpp"

namespace miua {

namespace py = pybind11;

inline py::array image_array_argument(const py::object& object, const char* name) {
    const std::string argument(name);
    if (!py::isinstance<py::array>(object))
        throw py::type_error(argument + " must be a numpy array, not " +
                             std::string(py::str(py::type::of(object).attr("__name__"))));
    const auto array = py::reinterpret_borrow<py::array>(object);
    if (array.ndim() != 3)
        throw py::value_error(argument + " must be an image stack of shape (N, H, W), but has " +
                              std::to_string(array.ndim()) + " dimensions");
    if (array.shape(1) == 0 || array.shape(2) == 0)
        throw py::value_error(argument + " holds images without pixels");
    if (array.shape(1) > ImageStack<std::uint8_t>::max_image_size / array.shape(2))
        throw py::value_error(argument + " holds images of 2^31 pixels or more");
    if (!(array.flags() & py::array::c_style))
        throw py::value_error(argument + " must be C-contiguous; pass numpy.ascontiguousarray(" +
                              argument + ")");
    if (!(array.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_))
        throw py::value_error(argument + " must be aligned in memory; pass " + argument +
                              ".copy()");
    return array;
}

template <class Pixel>
bool has_pixels(const py::array& array) {
    return array.dtype().equal(py::dtype::of<Pixel>());
}

template <class Pixel>
ImageStack<Pixel> image_stack(const py::array& array) {
    return {static_cast<const Pixel*>(array.data()), array.shape(0), array.shape(1),
            array.shape(2)};
}

inline void refuse_dtype(const py::array& array, const char* name, const char* wanted) {
    throw py::type_error(std::string(name) + " must have dtype " + wanted + ", not " +
                         std::string(py::str(array.dtype())));
}

inline ByteStack byte_stack_argument(const py::object& object, const char* name) {
    const py::array array = image_array_argument(object, name);
    if (!has_pixels<std::uint8_t>(array)) refuse_dtype(array, name, "uint8");
    return image_stack<std::uint8_t>(array);
}

inline std::string shape(const ByteStack& stack) {
    return "(" + std::to_string(stack.count) + ", " + std::to_string(stack.height) + ", " +
           std::to_string(stack.width) + ")";
}

inline void check_same_image_size(const ByteStack& a, const ByteStack& b) {
    if (a.height != b.height || a.width != b.width)
        throw py::value_error("a and b must hold images of one size, but have the shapes " +
                              shape(a) + " and " + shape(b));
}

inline void check_paired(const ByteStack& a, const ByteStack& b) {
    check_same_image_size(a, b);
    if (a.count != b.count)
        throw py::value_error("a and b must hold equally many images, but have the shapes " +
                              shape(a) + " and " + shape(b));
}

// How to run: on so many threads, with the chosen instructions, until Ctrl-C.
inline Execution execution_argument(int threads) {
    if (threads < 0) throw py::value_error("threads must be 0 (OpenMP's default) or more");
    return {threads, chosen_instruction_set(), [] {
                const py::gil_scoped_acquire acquire;
                // What an earlier loop of the same call was stopped by, stops the later ones, too.
                return PyErr_Occurred() != nullptr || PyErr_CheckSignals() != 0;
            }};
}

// Let other Python threads run during `work`; what a signal handler raised meanwhile is raised.
template <class Work>
void without_gil(const Work& work) {
    {
        const py::gil_scoped_release release;
        work();
    }
    if (PyErr_Occurred() != nullptr) throw py::error_already_set();
}

}  // namespace miua
