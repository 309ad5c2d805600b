#include "bindings.hpp"
#include "lbp.hpp"

namespace miua {
namespace {

LbpMethod method_argument(const std::string& name) {
    if (name == "default") return LbpMethod::plain;
    if (name == "ror") return LbpMethod::ror;
    if (name == "uniform") return LbpMethod::uniform;
    if (name == "nri_uniform") return LbpMethod::nri_uniform;
    throw py::value_error("method must be 'default', 'ror', 'uniform' or 'nri_uniform', not '" +
                          name + "'");
}

LbpPattern pattern_argument(int P, double R, const std::string& method) {
    if (P < 1 || P > LbpPattern::max_points)
        throw py::value_error("P must be 1 to " + std::to_string(LbpPattern::max_points) +
                              ", not " + std::to_string(P));
    if (!(R > 0 && R <= LbpPattern::max_radius))
        throw py::value_error("R must be above 0 and at most " +
                              std::to_string(static_cast<int>(LbpPattern::max_radius)) +
                              " pixels, not " + std::to_string(R));
    return {P, R, method_argument(method)};
}

// Call work(stack) with the stack in its own type of pixel.
template <class Work>
void with_stack(const py::object& object, const Work& work) {
    const py::array array = image_array_argument(object, "stack");
    if (has_pixels<std::uint8_t>(array)) return work(image_stack<std::uint8_t>(array));
    if (has_pixels<std::uint16_t>(array)) return work(image_stack<std::uint16_t>(array));
    refuse_dtype(array, "stack", "uint8 or uint16");
}

py::array_t<std::uint32_t> codes(const py::object& stack, int P, double R,
                                 const std::string& method, int threads) {
    py::array_t<std::uint32_t> labels;
    with_stack(stack, [&](const auto& images) {
        const LbpPattern pattern = pattern_argument(P, R, method);
        const Execution execution = execution_argument(threads);
        labels = py::array_t<std::uint32_t>({images.count, images.height, images.width});
        std::uint32_t* out = labels.mutable_data();
        without_gil([&] { lbp_labels(images, pattern, execution, out); });
    });
    return labels;
}

py::array_t<std::int64_t> histogram(const py::object& stack, int P, double R,
                                    const std::string& method, int threads) {
    py::array_t<std::int64_t> counts;
    with_stack(stack, [&](const auto& images) {
        const LbpPattern pattern = pattern_argument(P, R, method);
        const Execution execution = execution_argument(threads);
        const std::ptrdiff_t labels = pattern.label_count();
        if (labels > 65536)
            throw py::value_error("P = " + std::to_string(P) + " with method '" + method +
                                  "' has " + std::to_string(labels) +
                                  " labels, too many for a histogram; P may be up to 16, or take "
                                  "method 'uniform' or 'nri_uniform'");
        counts = py::array_t<std::int64_t>({images.count, labels});
        std::int64_t* out = counts.mutable_data();
        without_gil([&] { lbp_histograms(images, pattern, execution, out); });
    });
    return counts;
}

}  // namespace

void register_lbp(py::module_& module) {
    using py::arg;
    module.def("lbp_codes", &codes, arg("stack"), arg("P"), arg("R"), arg("method"), arg("threads"),
               "LBP labels (N, H, W) of a uint8 or uint16 stack (N, H, W).");
    module.def("lbp_histogram", &histogram, arg("stack"), arg("P"), arg("R"), arg("method"),
               arg("threads"), "Counts (N, labels) of the LBP labels of each image.");
}

}  // namespace miua
