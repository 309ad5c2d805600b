// Cycles per pixel of the kernels and of their steps, on one thread: kernel_cycles (`./run bench`).
//
// Few machines let a program count cycles, so the clock is measured beside each kernel, by
// additions that wait for one another: one takes one cycle.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <vector>

#include "histogram.hpp"
#include "joint_histogram.hpp"
#include "lbp.hpp"
#include "lbp_codes.hpp"
#include "mutual_information.hpp"
#include "structural_similarity.hpp"

namespace miua {
namespace {

// Little work at a time, so that some of it is done without interruption on a busy machine.
constexpr std::ptrdiff_t images = 20, side = 64, image_pixels = side * side;

template <class Work>
double seconds(const Work& work) {
    using Clock = std::chrono::steady_clock;
    const auto start = Clock::now();
    work();
    return std::chrono::duration<double>(Clock::now() - start).count();
}

constexpr int additions = 1 << 18;

// Neither operand is known to the compiler, so that no addition is left out or joined to another.
void add_in_a_chain() {
    std::uint64_t sum = 0, step = 1;
    for (int i = 0; i < additions / 8; ++i) {
        for (int k = 0; k < 8; ++k) {
            asm volatile("" : "+r"(sum), "+r"(step));
            sum += step;
        }
    }
    asm volatile("" : : "r"(sum));
}

// Best of several, each beside a measurement of the clock.
template <class Work>
void report(const char* name, InstructionSet set, std::ptrdiff_t pixels, const Work& work) {
    double best = std::numeric_limits<double>::infinity(), chain = best;
    for (int round = 0; round < 200; ++round) {
        chain = std::min(chain, seconds(add_in_a_chain));
        best = std::min(best, seconds(work));
    }
    const double cycle = chain / additions, pixel = best / static_cast<double>(pixels);
    std::printf("%-9s %-38s %8.2f %8.2f %8.2f\n", name_of(set), name, pixel * 1e9, pixel / cycle,
                1e-9 / cycle);
}

// Noise, so that no branch and no count can be foreseen.
std::vector<std::uint8_t> noise(std::uint32_t state) {
    std::vector<std::uint8_t> values(static_cast<std::size_t>(images * image_pixels));
    for (auto& value : values) {
        state = state * 1664525u + 1013904223u;
        value = static_cast<std::uint8_t>(state >> 24);
    }
    return values;
}

void report_lbp(const ByteStack& stack, const Execution& execution) {
    const InstructionSet set = execution.instruction_set;
    const std::ptrdiff_t pixels = images * image_pixels;
    const LbpPattern near{8, 1.0, LbpMethod::plain}, far{24, 3.0, LbpMethod::uniform};
    std::vector<std::int64_t> counts(static_cast<std::size_t>(images * 256));

    report("LBP(8, 1)", set, pixels,
           [&] { lbp_histograms(stack, near, execution, counts.data()); });
    LbpStrip<std::uint8_t> bytes(side, side, lbp_padding(near));
    bytes.fill(stack.image(0), 0);
    std::vector<std::uint8_t> byte_codes(static_cast<std::size_t>(image_pixels));
    report("  its codes", set, pixels, [&] {
        for (std::ptrdiff_t i = 0; i < images; ++i) plain_codes_8_1(bytes, set, byte_codes.data());
    });
    Histogram histogram(256);
    report("  its counts", set, pixels, [&] {
        for (std::ptrdiff_t i = 0; i < images; ++i) histogram.add(byte_codes.data(), image_pixels);
    });

    report("LBP(24, 3) uniform", set, pixels,
           [&] { lbp_histograms(stack, far, execution, counts.data()); });
    LbpStrip<double> numbers(side, side, lbp_padding(far));
    numbers.fill(stack.image(0), 0);
    const auto neighbours = lbp_neighbours(far);
    std::vector<double> sums(static_cast<std::size_t>(side));
    std::vector<std::uint32_t> codes(static_cast<std::size_t>(image_pixels));
    report("  its codes", set, pixels, [&] {
        for (std::ptrdiff_t i = 0; i < images; ++i)
            plain_codes(numbers, neighbours, set, sums.data(), codes.data());
    });
}

void report_information(const ByteStack& a, const ByteStack& b, const Execution& execution) {
    const InstructionSet set = execution.instruction_set;
    std::vector<double> result(static_cast<std::size_t>(a.count * b.count));
    report("mutual information, 64 bins, all pairs", set, a.count * b.count * image_pixels, [&] {
        mutual_information_all_pairs(a, b, 64, Estimator::plug_in, execution, result.data());
    });
    JointHistograms<std::uint16_t> histograms(image_pixels, 64, set);
    report("  its counts", set, b.count * image_pixels, [&] {
        for (std::ptrdiff_t j = 0; j < b.count; j += 4) {
            std::array<ImagePair, 4> pairs;
            for (std::ptrdiff_t k = 0; k < 4; ++k) pairs[k] = {a.image(0), b.image(j + k)};
            histograms.add(pairs);
        }
    });
}

void report_similarity(const ByteStack& a, const ByteStack& b, const Execution& execution) {
    std::vector<double> result(static_cast<std::size_t>(a.count * b.count));
    report("structural similarity, all pairs", execution.instruction_set,
           a.count * b.count * image_pixels,
           [&] { structural_similarity_all_pairs(a, b, execution, result.data()); });
}

}  // namespace
}  // namespace miua

int main() {
    using namespace miua;
    const auto a = noise(1), b = noise(2);
    const ByteStack first{a.data(), images, side, side}, few{b.data(), 8, side, side};
    std::printf("One thread, images of %td x %td, the best of several times.\n\n", side, side);
    std::printf("%-9s %-38s %8s %8s %8s\n", "", "a pixel, or a pixel and pair, of", "ns", "cycles",
                "GHz");
    for (const InstructionSet set : available_instruction_sets()) {
        Execution execution;
        execution.threads = 1;
        execution.instruction_set = set;
        report_lbp(first, execution);
        report_information(few, first, execution);
        report_similarity({a.data(), 16, side, side}, {b.data(), 16, side, side}, execution);
    }
}
