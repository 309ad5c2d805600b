#include "mutual_information.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "parallel.hpp"

namespace miua {
namespace {

std::uint16_t bin_of(std::uint8_t value, int bins) {
    return static_cast<std::uint16_t>((value * bins) >> 8);
}

// n ln n, with 0 for n = 0; small counts, nearly all there are, come from a table.
class CountLogCount {
  public:
    static constexpr std::uint32_t size = 1 << 14;

    CountLogCount() : table_(size) {
        for (std::uint32_t n = 1; n < size; ++n) table_[n] = n * std::log(n);
    }
    double operator()(std::uint32_t n) const {
        return n < size ? table_[n] : n * std::log(static_cast<double>(n));
    }

  private:
    std::vector<double> table_;
};

const CountLogCount& count_log_count() {
    static const CountLogCount function;
    return function;
}

// The sum of n ln n over counts. Eight partial sums, always the same eight, keep the order fixed
// and the additions independent of each other.
double sum_count_log_count(const std::uint32_t* counts, std::ptrdiff_t size) {
    const CountLogCount& f = count_log_count();
    std::array<double, 8> sums{};
    std::ptrdiff_t i = 0;
    for (; i + 8 <= size; i += 8)
        for (int k = 0; k < 8; ++k) sums[k] += f(counts[i + k]);
    for (; i < size; ++i) sums[0] += f(counts[i]);
    return ((sums[0] + sums[1]) + (sums[2] + sums[3])) +
           ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

// The sum of n ln n over one image's grey-level histogram.
double marginal_sum(const std::uint8_t* image, std::ptrdiff_t size, int bins) {
    std::array<std::uint32_t, max_bins> counts{};
    for (std::ptrdiff_t i = 0; i < size; ++i) ++counts[bin_of(image[i], bins)];
    return sum_count_log_count(counts.data(), bins);
}

std::vector<double> marginal_sums(const ImageStack& stack, int bins, int threads) {
    std::vector<double> sums(static_cast<std::size_t>(stack.count));
    for_each_task(stack.count, thread_count(threads, stack.count), [&](std::ptrdiff_t i, int) {
        sums[static_cast<std::size_t>(i)] = marginal_sum(stack.image(i), stack.image_size(), bins);
    });
    return sums;
}

// The joint histogram of one pair of images at a time. Two tables take turns, as neighbouring
// pixels often fall into one cell and a count that was just written is slow to read back.
class JointHistogram {
  public:
    JointHistogram(std::ptrdiff_t image_size, int bins)
        : bins_(bins),
          cells_(static_cast<std::ptrdiff_t>(bins) * bins),
          rows_(static_cast<std::size_t>(image_size)),
          counts_(static_cast<std::size_t>(2 * cells_)) {}

    // Fix the image whose bins are the rows.
    void set_rows(const std::uint8_t* image) {
        for (std::size_t i = 0; i < rows_.size(); ++i)
            rows_[i] = static_cast<std::uint16_t>(bin_of(image[i], bins_) * bins_);
    }

    // Count that image against another, whose bins are the columns.
    const std::uint32_t* count(const std::uint8_t* image) {
        std::fill(counts_.begin(), counts_.end(), 0u);
        const auto size = static_cast<std::ptrdiff_t>(rows_.size());
        std::array<std::uint16_t, block> cell;
        for (std::ptrdiff_t start = 0; start < size; start += block) {
            const std::ptrdiff_t length = std::min(block, size - start);
            for (std::ptrdiff_t i = 0; i < length; ++i)
                cell[i] =
                    static_cast<std::uint16_t>(rows_[start + i] + bin_of(image[start + i], bins_));
            add(cell.data(), length);
        }
        for (std::ptrdiff_t i = 0; i < cells_; ++i) counts_[i] += counts_[cells_ + i];
        return counts_.data();
    }

    std::ptrdiff_t cells() const { return cells_; }

  private:
    static constexpr std::ptrdiff_t block = 1024;

    void add(const std::uint16_t* cell, std::ptrdiff_t length) {
        std::uint32_t* even = counts_.data();
        std::uint32_t* odd = even + cells_;
        std::ptrdiff_t i = 0;
        for (; i + 2 <= length; i += 2) {
            ++even[cell[i]];
            ++odd[cell[i + 1]];
        }
        if (i < length) ++even[cell[i]];
    }

    int bins_;
    std::ptrdiff_t cells_;
    std::vector<std::uint16_t> rows_;
    std::vector<std::uint32_t> counts_;
};

// H(A) + H(B) - H(A, B) from the three sums of n ln n, as H = ln N - sum / N. Rounding may leave
// a hair below zero where the information is zero.
double information(double sum_a, double sum_b, double sum_joint, std::ptrdiff_t size) {
    const auto N = static_cast<double>(size);
    return std::max(0.0, std::log(N) - (sum_a + sum_b - sum_joint) / N);
}

}  // namespace

void joint_histograms(const ImageStack& a, const ImageStack& b, int bins, int threads,
                      std::int64_t* counts) {
    threads = thread_count(threads, a.count);
    std::vector<JointHistogram> histograms(static_cast<std::size_t>(threads),
                                           JointHistogram(a.image_size(), bins));
    for_each_task(a.count, threads, [&](std::ptrdiff_t i, int thread) {
        JointHistogram& histogram = histograms[static_cast<std::size_t>(thread)];
        histogram.set_rows(a.image(i));
        std::copy_n(histogram.count(b.image(i)), histogram.cells(), counts + i * histogram.cells());
    });
}

void entropies(const ImageStack& stack, int bins, int threads, double* entropies) {
    const auto sums = marginal_sums(stack, bins, threads);
    const auto N = static_cast<double>(stack.image_size());
    std::transform(sums.begin(), sums.end(), entropies,
                   [N](double sum) { return std::max(0.0, std::log(N) - sum / N); });
}

void mutual_information(const ImageStack& a, const ImageStack& b, int bins, int threads,
                        double* result) {
    const std::ptrdiff_t size = a.image_size();
    threads = thread_count(threads, a.count);
    std::vector<JointHistogram> histograms(static_cast<std::size_t>(threads),
                                           JointHistogram(size, bins));
    for_each_task(a.count, threads, [&](std::ptrdiff_t i, int thread) {
        JointHistogram& histogram = histograms[static_cast<std::size_t>(thread)];
        histogram.set_rows(a.image(i));
        const double joint = sum_count_log_count(histogram.count(b.image(i)), histogram.cells());
        result[i] = information(marginal_sum(a.image(i), size, bins),
                                marginal_sum(b.image(i), size, bins), joint, size);
    });
}

void mutual_information_all_pairs(const ImageStack& a, const ImageStack& b, int bins, int threads,
                                  double* result) {
    // A task is one image of `a` with a block of images of `b`, so that a few images in `a`
    // still occupy all threads.
    constexpr std::ptrdiff_t block = 64;
    const std::ptrdiff_t size = a.image_size();
    const std::ptrdiff_t blocks = (b.count + block - 1) / block;
    const auto sums_a = marginal_sums(a, bins, threads);
    const auto sums_b = marginal_sums(b, bins, threads);

    threads = thread_count(threads, a.count * blocks);
    std::vector<JointHistogram> histograms(static_cast<std::size_t>(threads),
                                           JointHistogram(size, bins));
    for_each_task(a.count * blocks, threads, [&](std::ptrdiff_t task, int thread) {
        JointHistogram& histogram = histograms[static_cast<std::size_t>(thread)];
        const std::ptrdiff_t i = task / blocks, first = task % blocks * block;
        histogram.set_rows(a.image(i));
        for (std::ptrdiff_t j = first; j < std::min(b.count, first + block); ++j) {
            const double joint =
                sum_count_log_count(histogram.count(b.image(j)), histogram.cells());
            result[i * b.count + j] = information(sums_a[i], sums_b[j], joint, size);
        }
    });
}

}  // namespace miua
