// The kernels without Python, to check a build for another machine (miua/conformance.py):
//   kernel_runner KERNEL N H W BYTES_PER_PIXEL THREADS PARAMETERS... < stacks > result
// Stacks and results are raw arrays, in this machine's byte order.

#include <cstdlib>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include "lbp.hpp"
#include "mutual_information.hpp"
#include "structural_similarity.hpp"

namespace miua {
namespace {

struct Call {
    std::string kernel;
    std::ptrdiff_t count, height, width;
    int bytes_per_pixel;
    Execution execution;
    std::vector<std::string> parameters;
    std::vector<char> input;

    template <class Pixel>
    ImageStack<Pixel> stack(int number) const {
        const auto* pixels = reinterpret_cast<const Pixel*>(input.data());
        return {pixels + number * count * height * width, count, height, width};
    }
};

template <class Value>
void write(const std::vector<Value>& values) {
    std::cout.write(reinterpret_cast<const char*>(values.data()),
                    static_cast<std::streamsize>(values.size() * sizeof(Value)));
}

LbpMethod lbp_method(const std::string& name) {
    if (name == "default") return LbpMethod::plain;
    if (name == "ror") return LbpMethod::ror;
    if (name == "uniform") return LbpMethod::uniform;
    if (name == "nri_uniform") return LbpMethod::nri_uniform;
    throw std::invalid_argument("unknown method " + name);
}

template <class Pixel>
void run_lbp(const Call& call) {
    const auto stack = call.stack<Pixel>(0);
    const LbpPattern pattern{std::stoi(call.parameters.at(0)), std::stod(call.parameters.at(1)),
                             lbp_method(call.parameters.at(2))};
    if (call.kernel == "lbp_codes") {
        std::vector<std::uint32_t> labels(
            static_cast<std::size_t>(stack.count * stack.image_size()));
        lbp_labels(stack, pattern, call.execution, labels.data());
        return write(labels);
    }
    std::vector<std::int64_t> counts(static_cast<std::size_t>(stack.count * pattern.label_count()));
    lbp_histograms(stack, pattern, call.execution, counts.data());
    write(counts);
}

void run_information(const Call& call) {
    const ByteStack a = call.stack<std::uint8_t>(0), b = call.stack<std::uint8_t>(1);
    const int bins = std::stoi(call.parameters.at(0));
    if (call.kernel == "joint_histogram") {
        std::vector<std::int64_t> counts(static_cast<std::size_t>(a.count * bins * bins));
        joint_histograms(a, b, bins, call.execution, counts.data());
        return write(counts);
    }
    const auto estimator =
        call.parameters.at(1) == "plug-in" ? Estimator::plug_in : Estimator::grassberger;
    const bool all_pairs = call.kernel == "mutual_information_all_pairs";
    std::vector<double> result(static_cast<std::size_t>(all_pairs ? a.count * a.count : a.count));
    if (call.kernel == "entropy")
        entropies(a, bins, estimator, call.execution, result.data());
    else if (call.kernel == "mutual_information")
        mutual_information(a, b, bins, estimator, call.execution, result.data());
    else if (all_pairs)
        mutual_information_all_pairs(a, b, bins, estimator, call.execution, result.data());
    else
        throw std::invalid_argument("unknown kernel " + call.kernel);
    write(result);
}

void run_similarity(const Call& call) {
    const ByteStack a = call.stack<std::uint8_t>(0), b = call.stack<std::uint8_t>(1);
    const bool all_pairs = call.kernel == "structural_similarity_all_pairs";
    std::vector<double> result(static_cast<std::size_t>(all_pairs ? a.count * a.count : a.count));
    if (all_pairs)
        structural_similarity_all_pairs(a, b, call.execution, result.data());
    else
        structural_similarity(a, b, call.execution, result.data());
    write(result);
}

void run_call(int argc, char** argv) {
    if (argc < 7) throw std::invalid_argument("too few arguments");
    Call call;
    call.kernel = argv[1];
    call.count = std::stol(argv[2]);
    call.height = std::stol(argv[3]);
    call.width = std::stol(argv[4]);
    call.bytes_per_pixel = std::stoi(argv[5]);
    call.parameters.assign(argv + 7, argv + argc);
    call.input.assign(std::istreambuf_iterator<char>(std::cin), {});
    call.execution.threads = std::stoi(argv[6]);
    call.execution.instruction_set = chosen_instruction_set();
    if (call.kernel.rfind("structural_", 0) == 0) return run_similarity(call);
    if (call.kernel.rfind("lbp_", 0) != 0) return run_information(call);
    call.bytes_per_pixel == 1 ? run_lbp<std::uint8_t>(call) : run_lbp<std::uint16_t>(call);
}

}  // namespace
}  // namespace miua

int main(int argc, char** argv) {
    try {
        miua::run_call(argc, argv);
    } catch (const std::exception& error) {
        std::cerr << error.what() << '\n';
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
