#include "bindings.hpp"
#include "mutual_information.hpp"

namespace miua {
namespace {

void check_bins(int bins) {
    if (bins < min_bins || bins > max_bins)
        throw py::value_error("bins must be " + std::to_string(min_bins) + " to " +
                              std::to_string(max_bins) + ", not " + std::to_string(bins));
}

Estimator estimator_argument(const std::string& name) {
    if (name == "plug-in") return Estimator::plug_in;
    if (name == "grassberger") return Estimator::grassberger;
    throw py::value_error("estimator must be 'plug-in' or 'grassberger', not '" + name + "'");
}

py::array_t<std::int64_t> joint(const py::object& a, const py::object& b, int bins, int threads) {
    const ByteStack first = byte_stack_argument(a, "a"), second = byte_stack_argument(b, "b");
    check_paired(first, second);
    check_bins(bins);
    const Execution execution = execution_argument(threads);
    py::array_t<std::int64_t> counts({first.count, std::ptrdiff_t{bins}, std::ptrdiff_t{bins}});
    std::int64_t* out = counts.mutable_data();
    without_gil([&] { joint_histograms(first, second, bins, execution, out); });
    return counts;
}

py::array_t<double> entropy(const py::object& stack, int bins, const std::string& estimator,
                            int threads) {
    const ByteStack images = byte_stack_argument(stack, "stack");
    check_bins(bins);
    const Estimator method = estimator_argument(estimator);
    const Execution execution = execution_argument(threads);
    py::array_t<double> result(images.count);
    double* out = result.mutable_data();
    without_gil([&] { entropies(images, bins, method, execution, out); });
    return result;
}

py::array_t<double> paired(const py::object& a, const py::object& b, int bins,
                           const std::string& estimator, int threads) {
    const ByteStack first = byte_stack_argument(a, "a"), second = byte_stack_argument(b, "b");
    check_paired(first, second);
    check_bins(bins);
    const Estimator method = estimator_argument(estimator);
    const Execution execution = execution_argument(threads);
    py::array_t<double> result(first.count);
    double* out = result.mutable_data();
    without_gil([&] { mutual_information(first, second, bins, method, execution, out); });
    return result;
}

py::array_t<double> all_pairs(const py::object& a, const py::object& b, int bins,
                              const std::string& estimator, int threads) {
    const ByteStack first = byte_stack_argument(a, "a"), second = byte_stack_argument(b, "b");
    check_same_image_size(first, second);
    check_bins(bins);
    const Estimator method = estimator_argument(estimator);
    const Execution execution = execution_argument(threads);
    py::array_t<double> result({first.count, second.count});
    double* out = result.mutable_data();
    without_gil([&] { mutual_information_all_pairs(first, second, bins, method, execution, out); });
    return result;
}

}  // namespace

void register_mutual_information(py::module_& module) {
    using py::arg;
    module.def("joint_histogram", &joint, arg("a"), arg("b"), arg("bins"), arg("threads"),
               "Joint grey-level counts (N, bins, bins) of the pairs of two uint8 stacks.");
    module.def("entropy", &entropy, arg("stack"), arg("bins"), arg("estimator"), arg("threads"),
               "Entropy (N,) of each image in nats.");
    module.def("mutual_information", &paired, arg("a"), arg("b"), arg("bins"), arg("estimator"),
               arg("threads"), "Mutual information (N,) of the pairs of two uint8 stacks in nats.");
    module.def("mutual_information_all_pairs", &all_pairs, arg("a"), arg("b"), arg("bins"),
               arg("estimator"), arg("threads"),
               "Mutual information (N, M) of all pairs of two stacks in nats.");
}

}  // namespace miua
