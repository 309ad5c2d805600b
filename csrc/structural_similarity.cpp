#include "structural_similarity.hpp"

#include <algorithm>
#include <vector>

namespace miua {
namespace {

constexpr std::ptrdiff_t window = similarity_window;
constexpr std::int32_t window_pixels = window * window;
constexpr float c1 = 15612.5025F;  // 49^2 (0.01 * 255)^2
constexpr float c2 = 137644.92F;   // 49 * 48 (0.03 * 255)^2

// A window's similarity is cut to a multiple of 2^-24, as every float32 from 0.5 to 1 is. None is
// beyond 1 or -1, as no numerator is beyond its denominator and rounding keeps order. So a 32-bit
// integer holds the sum of 127, of the rows of a strip.
constexpr float units = 16777216.0F;
constexpr std::ptrdiff_t summed_rows = 127;

constexpr std::ptrdiff_t lanes = 16;  // loops run over multiples of it

std::ptrdiff_t padded(std::ptrdiff_t length) { return (length + lanes - 1) / lanes * lanes; }

// What is worked on at a time: some rows of windows, few enough for all that belongs to them to
// stay in cache, but several times the rows that neighbouring strips share. Pixels right of the
// image are 0; what windows there give is not looked at.
struct Strip {
    explicit Strip(const ByteStack& stack)
        : columns(padded(stack.width)),
          sum_columns(columns + lanes),
          window_columns(padded(stack.width - window + 1)),
          rows(std::min({stack.height - window + 1, summed_rows,
                         std::max(4 * window, cached_windows / window_columns)})) {}

    std::ptrdiff_t pixels() const { return (rows + window - 1) * columns; }
    std::ptrdiff_t column_sums() const { return rows * sum_columns; }
    std::ptrdiff_t windows() const { return rows * window_columns; }

    static constexpr std::ptrdiff_t cached_windows = 4096;

    std::ptrdiff_t columns;         // of pixels
    std::ptrdiff_t sum_columns;     // of sums over rows: a window right of the image reads on
    std::ptrdiff_t window_columns;  // of windows
    std::ptrdiff_t rows;            // of windows, at most; no more than summed_rows
};

MIUA_INLINE std::int32_t product(const std::uint8_t* a, const std::uint8_t* b, std::ptrdiff_t i) {
    return static_cast<std::uint16_t>(a[i] * b[i]);
}

// Sums of a * b over `window` rows from each on.
struct ColumnSums {
    static MIUA_INLINE void run(const std::uint8_t* a, const std::uint8_t* b, std::ptrdiff_t rows,
                                std::ptrdiff_t columns, std::ptrdiff_t sum_columns,
                                std::int32_t* sums) {
        for (std::ptrdiff_t x = 0; x < columns; ++x) {
            std::int32_t sum = 0;
            for (std::ptrdiff_t y = 0; y < window; ++y) sum += product(a, b, y * columns + x);
            sums[x] = sum;
        }
        for (std::ptrdiff_t y = 1; y < rows; ++y) {
            const std::ptrdiff_t gone = (y - 1) * columns, come = gone + window * columns;
            const std::int32_t* above = sums + (y - 1) * sum_columns;
            std::int32_t* row = sums + y * sum_columns;
            for (std::ptrdiff_t x = 0; x < columns; ++x)
                row[x] = above[x] + (product(a, b, come + x) - product(a, b, gone + x));
        }
    }
};

// The sum over a window from its columns' sums.
MIUA_INLINE std::int32_t window_sum(const std::int32_t* column) {
    return ((column[0] + column[1]) + (column[2] + column[3])) +
           ((column[4] + column[5]) + column[6]);
}

// A strip's windows of one image: s and t_xx.
struct Moments {
    static MIUA_INLINE void run(const std::int32_t* pixels, const std::int32_t* squares,
                                std::ptrdiff_t rows, std::ptrdiff_t sum_columns,
                                std::ptrdiff_t window_columns, std::int16_t* sums,
                                std::int32_t* variations) {
        for (std::ptrdiff_t y = 0; y < rows; ++y) {
            for (std::ptrdiff_t x = 0; x < window_columns; ++x) {
                const std::int32_t sum = window_sum(pixels + x);
                sums[x] = static_cast<std::int16_t>(sum);
                variations[x] = window_pixels * window_sum(squares + x) - sum * sum;
            }
            pixels += sum_columns;
            squares += sum_columns;
            sums += window_columns;
            variations += window_columns;
        }
    }
};

struct Windows {
    const std::int16_t* sums;
    const std::int32_t* variations;
};

MIUA_INLINE float to_float(std::int32_t number) { return static_cast<float>(number); }

// Add a strip's rows of similarities to `totals`, one for each column of windows.
struct Similarities {
    static MIUA_INLINE void run(Windows a, Windows b, const std::int32_t* products,
                                std::ptrdiff_t rows, std::ptrdiff_t sum_columns,
                                std::ptrdiff_t window_columns, std::int32_t* totals) {
        for (std::ptrdiff_t y = 0; y < rows; ++y) {
            for (std::ptrdiff_t x = 0; x < window_columns; ++x) {
                const std::int32_t both = a.sums[x] * b.sums[x];
                const std::int32_t squares = a.sums[x] * a.sums[x] + b.sums[x] * b.sums[x];
                const std::int32_t covariation = window_pixels * window_sum(products + x) - both;
                const std::int32_t variation = a.variations[x] + b.variations[x];
                const float similarity =
                    ((to_float(2 * both) + c1) * (to_float(2 * covariation) + c2)) /
                    ((to_float(squares) + c1) * (to_float(variation) + c2));
                totals[x] += static_cast<std::int32_t>(similarity * units);
            }
            products += sum_columns;
            a.sums += window_columns;
            a.variations += window_columns;
            b.sums += window_columns;
            b.variations += window_columns;
        }
    }
};

// Some images of a stack.
struct Images {
    const ByteStack& stack;
    std::ptrdiff_t first, count;
};

// Compares a few images with a few others, strip by strip; what one thread works with.
class Comparison {
  public:
    // images: on each side, at most, and of the size of those in `stack`.
    Comparison(const ByteStack& stack, std::ptrdiff_t images, InstructionSet set)
        : images_(images),
          window_rows_(stack.height - window + 1),
          window_columns_(stack.width - window + 1),
          set_(set),
          strip_(stack),
          ones_(strip_.pixels(), 1),
          pixels_(2 * images * strip_.pixels()),
          sums_(2 * images * strip_.windows()),
          variations_(2 * images * strip_.windows()),
          column_sums_(strip_.column_sums()),
          column_squares_(strip_.column_sums()),
          row_totals_(strip_.window_columns),
          totals_(images * images) {}

    void compare(const Images& a, const Images& b) {
        std::fill(totals_.begin(), totals_.end(), 0);
        for (std::ptrdiff_t first = 0; first < window_rows_; first += strip_.rows) {
            const std::ptrdiff_t rows = std::min(strip_.rows, window_rows_ - first);
            read(a, 0, first, rows);
            read(b, images_, first, rows);
            for (std::ptrdiff_t i = 0; i < a.count; ++i)
                for (std::ptrdiff_t j = 0; j < b.count; ++j)
                    totals_[i * images_ + j] += strip_total(i, images_ + j, rows);
        }
    }

    // Of the i-th image of the one side with the j-th of the other.
    double similarity(std::ptrdiff_t i, std::ptrdiff_t j) const {
        return static_cast<double>(totals_[i * images_ + j]) / units /
               static_cast<double>(window_rows_ * window_columns_);
    }

  private:
    // Take over the images' rows of windows from `first` on, at the places from `place` on.
    void read(const Images& images, std::ptrdiff_t place, std::ptrdiff_t first,
              std::ptrdiff_t rows) {
        const std::ptrdiff_t width = images.stack.width;
        for (std::ptrdiff_t i = 0; i < images.count; ++i, ++place) {
            const std::uint8_t* image = images.stack.image(images.first + i) + first * width;
            std::uint8_t* pixels = pixels_.data() + place * strip_.pixels();
            for (std::ptrdiff_t y = 0; y < rows + window - 1; ++y)
                std::copy_n(image + y * width, width, pixels + y * strip_.columns);
            add_columns(pixels, ones_.data(), rows, column_sums_.data());
            add_columns(pixels, pixels, rows, column_squares_.data());
            run<Moments>(set_, column_sums_.data(), column_squares_.data(), rows,
                         strip_.sum_columns, strip_.window_columns,
                         sums_.data() + place * strip_.windows(),
                         variations_.data() + place * strip_.windows());
        }
    }

    // The sum, in units, of a strip's similarities of the images at two places.
    std::int64_t strip_total(std::ptrdiff_t a, std::ptrdiff_t b, std::ptrdiff_t rows) {
        add_columns(pixels_.data() + a * strip_.pixels(), pixels_.data() + b * strip_.pixels(),
                    rows, column_sums_.data());
        std::fill(row_totals_.begin(), row_totals_.end(), 0);
        run<Similarities>(set_, windows(a), windows(b), column_sums_.data(), rows,
                          strip_.sum_columns, strip_.window_columns, row_totals_.data());
        std::int64_t total = 0;
        for (std::ptrdiff_t x = 0; x < window_columns_; ++x) total += row_totals_[x];
        return total;
    }

    void add_columns(const std::uint8_t* a, const std::uint8_t* b, std::ptrdiff_t rows,
                     std::int32_t* sums) const {
        run<ColumnSums>(set_, a, b, rows, strip_.columns, strip_.sum_columns, sums);
    }

    Windows windows(std::ptrdiff_t place) const {
        return {sums_.data() + place * strip_.windows(),
                variations_.data() + place * strip_.windows()};
    }

    std::ptrdiff_t images_, window_rows_, window_columns_;
    InstructionSet set_;
    Strip strip_;
    std::vector<std::uint8_t> ones_, pixels_;
    std::vector<std::int16_t> sums_;
    std::vector<std::int32_t> variations_, column_sums_, column_squares_;
    std::vector<std::int32_t> row_totals_;  // for each column of windows
    std::vector<std::int64_t> totals_;
};

// One for each thread.
std::vector<Comparison> comparisons_for(int threads, const ByteStack& stack, std::ptrdiff_t images,
                                        const Execution& execution) {
    std::vector<Comparison> comparisons;
    comparisons.reserve(static_cast<std::size_t>(threads));
    for (int thread = 0; thread < threads; ++thread)
        comparisons.emplace_back(stack, images, execution.instruction_set);
    return comparisons;
}

}  // namespace

void structural_similarity(const ByteStack& a, const ByteStack& b, const Execution& execution,
                           double* similarity) {
    const int threads = thread_count(execution, a.count);
    auto comparisons = comparisons_for(threads, a, 1, execution);
    for_each_task(a.count, threads, execution, [&](std::ptrdiff_t i, int thread) {
        Comparison& own = comparisons[static_cast<std::size_t>(thread)];
        own.compare({a, i, 1}, {b, i, 1});
        similarity[i] = own.similarity(0, 0);
    });
}

void structural_similarity_all_pairs(const ByteStack& a, const ByteStack& b,
                                     const Execution& execution, double* similarity) {
    // A task is a block of images of `a` with one of `b`, whose windows' moments serve all pairs.
    constexpr std::ptrdiff_t block = 16;
    const bool symmetric = same_images(a, b);
    const std::ptrdiff_t rows = (a.count + block - 1) / block;
    const std::ptrdiff_t columns = (b.count + block - 1) / block;
    const int threads = thread_count(execution, rows * columns);
    auto comparisons = comparisons_for(threads, a, block, execution);
    for_each_task(rows * columns, threads, execution, [&](std::ptrdiff_t task, int thread) {
        const std::ptrdiff_t first_a = task / columns * block, first_b = task % columns * block;
        if (symmetric && first_b < first_a) return;
        const Images some_a{a, first_a, std::min(block, a.count - first_a)};
        const Images some_b{b, first_b, std::min(block, b.count - first_b)};
        Comparison& own = comparisons[static_cast<std::size_t>(thread)];
        own.compare(some_a, some_b);
        for (std::ptrdiff_t i = 0; i < some_a.count; ++i) {
            for (std::ptrdiff_t j = 0; j < some_b.count; ++j) {
                const double value = own.similarity(i, j);
                similarity[(first_a + i) * b.count + first_b + j] = value;
                if (symmetric) similarity[(first_b + j) * b.count + first_a + i] = value;
            }
        }
    });
}

}  // namespace miua
