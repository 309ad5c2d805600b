// The boundary: arguments are checked here, never cast or copied; errors name the argument.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <string>

#include "image_stack.hpp"

namespace miua {

namespace py = pybind11;

inline ImageStack image_stack_argument(const py::object& object, const char* name) {
    const std::string argument(name);
    if (!py::isinstance<py::array>(object))
        throw py::type_error(argument + " must be a numpy array, not " +
                             std::string(py::str(py::type::of(object).attr("__name__"))));
    const auto array = py::reinterpret_borrow<py::array>(object);
    if (!array.dtype().equal(py::dtype::of<std::uint8_t>()))
        throw py::type_error(argument + " must have dtype uint8, not " +
                             std::string(py::str(array.dtype())));
    if (array.ndim() != 3)
        throw py::value_error(argument + " must be an image stack of shape (N, H, W), but has " +
                              std::to_string(array.ndim()) + " dimensions");
    if (array.shape(1) == 0 || array.shape(2) == 0)
        throw py::value_error(argument + " holds images without pixels");
    if (!(array.flags() & py::array::c_style))
        throw py::value_error(argument + " must be C-contiguous; pass numpy.ascontiguousarray(" +
                              argument + ")");
    return {static_cast<const std::uint8_t*>(array.data()), array.shape(0), array.shape(1),
            array.shape(2)};
}

inline int threads_argument(int threads) {
    if (threads < 0) throw py::value_error("threads must be 0 (OpenMP's default) or more");
    return threads;
}

}  // namespace miua
