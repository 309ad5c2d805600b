#include "mutual_information.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include "histogram.hpp"
#include "joint_histogram.hpp"

namespace miua {
namespace {

// The sum of entropy terms over each image's grey-level histogram.
std::vector<std::int64_t> marginal_sums(const ByteStack& stack, int bins, const EntropyTerms& terms,
                                        const Execution& execution) {
    const int threads = thread_count(execution, stack.count);
    std::vector<std::int64_t> sums(static_cast<std::size_t>(stack.count));
    std::vector<Histogram> histograms(static_cast<std::size_t>(threads), Histogram(256));
    for_each_task(stack.count, threads, execution, [&](std::ptrdiff_t i, int thread) {
        Histogram& values = histograms[static_cast<std::size_t>(thread)];
        values.clear();
        values.add(stack.image(i), stack.image_size());
        std::array<std::uint32_t, max_bins> counts{};
        for (int value = 0; value < 256; ++value) counts[(value * bins) >> 8] += values[value];
        std::int64_t sum = 0;
        for (int bin = 0; bin < bins; ++bin) sum += terms(counts[bin]);
        sums[static_cast<std::size_t>(i)] = sum;
    });
    return sums;
}

// What all pairs of one call have in common.
class Information {
  public:
    Information(Estimator estimator, std::ptrdiff_t pixels)
        : plug_in_(estimator == Estimator::plug_in),
          pixels_(pixels),
          terms_(EntropyTerms::of(estimator, pixels)),
          whole_(terms_.whole(pixels)) {}

    const EntropyTerms& terms() const { return terms_; }

    double entropy(std::int64_t sum) const { return nats(whole_ - sum); }

    // H(A) + H(B) - H(A, B) from the three sums.
    double of(std::int64_t sum_a, std::int64_t sum_b, std::int64_t sum_joint) const {
        return nats(whole_ - sum_a - sum_b + sum_joint);
    }

  private:
    // The plug-in estimate is never negative, but the rounding of terms may leave a hair.
    double nats(std::int64_t sum) const {
        return terms_.nats(plug_in_ ? std::max<std::int64_t>(0, sum) : sum, pixels_);
    }

    bool plug_in_;
    std::ptrdiff_t pixels_;
    const EntropyTerms& terms_;
    std::int64_t whole_;
};

// Call work with one JointHistograms for each thread, of the narrowest counts that do.
template <class Work>
void with_histograms(std::ptrdiff_t pixels, int bins, const Execution& execution, int threads,
                     const Work& work) {
    const auto number = static_cast<std::size_t>(threads);
    if (pixels <= std::numeric_limits<std::uint16_t>::max()) {
        const JointHistograms<std::uint16_t> one(pixels, bins, execution.instruction_set);
        std::vector<JointHistograms<std::uint16_t>> each(number, one);
        work(each);
    } else {
        const JointHistograms<std::uint32_t> one(pixels, bins, execution.instruction_set);
        std::vector<JointHistograms<std::uint32_t>> each(number, one);
        work(each);
    }
}

// Call take(j, sum) for j from `first` to before `last` with the sum of terms of pair(j).
template <class Histograms, class Pair, class Take>
void each_pair_sum(Histograms& histograms, const EntropyTerms& terms, std::ptrdiff_t first,
                   std::ptrdiff_t last, const Pair& pair, const Take& take) {
    constexpr std::ptrdiff_t lanes = Histograms::lanes;
    std::ptrdiff_t j = first;
    for (; j + lanes <= last; j += lanes) {
        std::array<ImagePair, Histograms::lanes> pairs;
        for (std::ptrdiff_t k = 0; k < lanes; ++k) pairs[k] = pair(j + k);
        const auto sums = histograms.sums(pairs, terms);
        for (std::ptrdiff_t k = 0; k < lanes; ++k) take(j + k, sums[k]);
    }
    for (; j < last; ++j) take(j, histograms.sums(std::array<ImagePair, 1>{pair(j)}, terms)[0]);
}

std::ptrdiff_t blocks_of(std::ptrdiff_t count, std::ptrdiff_t block) {
    return (count + block - 1) / block;
}

}  // namespace

void joint_histograms(const ByteStack& a, const ByteStack& b, int bins, const Execution& execution,
                      std::int64_t* counts) {
    const int threads = thread_count(execution, a.count);
    with_histograms(a.image_size(), bins, execution, threads, [&](auto& each) {
        for_each_task(a.count, threads, execution, [&](std::ptrdiff_t i, int thread) {
            auto& histograms = each[static_cast<std::size_t>(thread)];
            histograms.clear();
            histograms.add(std::array<ImagePair, 1>{ImagePair{a.image(i), b.image(i)}});
            std::copy_n(histograms.lane(0), histograms.cells(), counts + i * histograms.cells());
        });
    });
}

void entropies(const ByteStack& stack, int bins, Estimator estimator, const Execution& execution,
               double* entropies) {
    const Information information(estimator, stack.image_size());
    const auto sums = marginal_sums(stack, bins, information.terms(), execution);
    std::transform(sums.begin(), sums.end(), entropies,
                   [&](std::int64_t sum) { return information.entropy(sum); });
}

void mutual_information(const ByteStack& a, const ByteStack& b, int bins, Estimator estimator,
                        const Execution& execution, double* result) {
    constexpr std::ptrdiff_t block = 4;
    const Information information(estimator, a.image_size());
    const auto sums_a = marginal_sums(a, bins, information.terms(), execution);
    const auto sums_b = marginal_sums(b, bins, information.terms(), execution);

    const std::ptrdiff_t tasks = blocks_of(a.count, block);
    const int threads = thread_count(execution, tasks);
    with_histograms(a.image_size(), bins, execution, threads, [&](auto& each) {
        for_each_task(tasks, threads, execution, [&](std::ptrdiff_t task, int thread) {
            each_pair_sum(
                each[static_cast<std::size_t>(thread)], information.terms(), task * block,
                std::min(a.count, (task + 1) * block),
                [&](std::ptrdiff_t i) { return ImagePair{a.image(i), b.image(i)}; },
                [&](std::ptrdiff_t i, std::int64_t joint) {
                    result[i] = information.of(sums_a[i], sums_b[i], joint);
                });
        });
    });
}

void mutual_information_all_pairs(const ByteStack& a, const ByteStack& b, int bins,
                                  Estimator estimator, const Execution& execution, double* result) {
    // A task is one image of `a` with a block of images of `b`, so that a few images in `a`
    // still occupy all threads.
    constexpr std::ptrdiff_t block = 64;
    const bool symmetric = same_images(a, b);
    const Information information(estimator, a.image_size());
    const auto sums_a = marginal_sums(a, bins, information.terms(), execution);
    const auto sums_b = marginal_sums(b, bins, information.terms(), execution);

    const std::ptrdiff_t blocks = blocks_of(b.count, block);
    const int threads = thread_count(execution, a.count * blocks);
    with_histograms(a.image_size(), bins, execution, threads, [&](auto& each) {
        for_each_task(a.count * blocks, threads, execution, [&](std::ptrdiff_t task, int thread) {
            const std::ptrdiff_t i = task / blocks, block_first = task % blocks * block;
            each_pair_sum(
                each[static_cast<std::size_t>(thread)], information.terms(),
                symmetric ? std::max(i, block_first) : block_first,
                std::min(b.count, block_first + block),
                [&](std::ptrdiff_t j) { return ImagePair{a.image(i), b.image(j)}; },
                [&](std::ptrdiff_t j, std::int64_t joint) {
                    const double value = information.of(sums_a[i], sums_b[j], joint);
                    result[i * b.count + j] = value;
                    if (symmetric) result[j * b.count + i] = value;
                });
        });
    });
}

}  // namespace miua
