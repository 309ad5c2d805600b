#include "bindings.hpp"
#include "structural_similarity.hpp"

namespace miua {
namespace {

void check_windows_fit(const ByteStack& a, const ByteStack& b) {
    if (a.height < similarity_window || a.width < similarity_window)
        throw py::value_error(
            "a and b must hold images of 7 x 7 pixels or more, but have the shapes " + shape(a) +
            " and " + shape(b) + "; structural similarity looks at windows of 7 x 7 pixels");
}

py::array_t<double> paired(const py::object& a, const py::object& b, int threads) {
    const ByteStack first = byte_stack_argument(a, "a"), second = byte_stack_argument(b, "b");
    check_paired(first, second);
    check_windows_fit(first, second);
    const Execution execution = execution_argument(threads);
    py::array_t<double> result(first.count);
    double* out = result.mutable_data();
    without_gil([&] { structural_similarity(first, second, execution, out); });
    return result;
}

py::array_t<double> all_pairs(const py::object& a, const py::object& b, int threads) {
    const ByteStack first = byte_stack_argument(a, "a"), second = byte_stack_argument(b, "b");
    check_same_image_size(first, second);
    check_windows_fit(first, second);
    const Execution execution = execution_argument(threads);
    py::array_t<double> result({first.count, second.count});
    double* out = result.mutable_data();
    without_gil([&] { structural_similarity_all_pairs(first, second, execution, out); });
    return result;
}

}  // namespace

void register_structural_similarity(py::module_& module) {
    using py::arg;
    module.def("structural_similarity", &paired, arg("a"), arg("b"), arg("threads"),
               "Structural similarity (N,) of each pair of images of two uint8 stacks.");
    module.def("structural_similarity_all_pairs", &all_pairs, arg("a"), arg("b"), arg("threads"),
               "The same of every image of `a` with every image of `b` (N, M).");
}

}  // namespace miua
