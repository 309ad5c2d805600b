#include "lbp.hpp"

#include <algorithm>
#include <array>
#include <bitset>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "parallel.hpp"

namespace miua {
namespace {

// An image inside a frame of zeros, so that no neighbour needs a bounds check.
class PaddedImage {
  public:
    PaddedImage(std::ptrdiff_t height, std::ptrdiff_t width, std::ptrdiff_t padding)
        : height_(height),
          width_(width),
          padding_(padding),
          stride_(width + 2 * padding),
          pixels_(static_cast<std::size_t>((height + 2 * padding) * stride_)) {}

    void fill(const std::uint8_t* image) {
        for (std::ptrdiff_t row = 0; row < height_; ++row)
            std::memcpy(this->row(row), image + row * width_, static_cast<std::size_t>(width_));
    }

    std::uint8_t* row(std::ptrdiff_t index) {
        return pixels_.data() + (index + padding_) * stride_ + padding_;
    }

    std::ptrdiff_t height() const { return height_; }
    std::ptrdiff_t width() const { return width_; }

  private:
    std::ptrdiff_t height_, width_, padding_, stride_;
    std::vector<std::uint8_t> pixels_;
};

// P = 8, R = 1.
//
// A diagonal neighbour lies 0.70711 away in row and column, so with a = 70711 and b = 29289 its
// value times (a + b)^2 is a^2 corner + a b (side + side) + b^2 centre. It is at least the
// centre's when a x + b y >= 0, where x = corner - centre and y = side + side - 2 centre; that is
// y + 2 x + floor(x (a - 2 b) / b) >= 0, which fits 16 bits.

constexpr int diagonal_a = 70711, diagonal_b = 29289;
constexpr int diagonal_factor = 27148;  // (a - 2 b) / b in units of 2^-16

constexpr int floor_divide(int dividend, int divisor) {
    return dividend >= 0 ? dividend / divisor : -((-dividend + divisor - 1) / divisor);
}

constexpr bool diagonal_factor_is_exact() {
    for (int x = -255; x <= 255; ++x)
        if (floor_divide(x * diagonal_factor, 1 << 16) !=
            floor_divide(x * (diagonal_a - 2 * diagonal_b), diagonal_b))
            return false;
    return true;
}
static_assert(diagonal_factor_is_exact(), "the 16-bit diagonal test must equal the exact one");

inline bool diagonal_is_set(int corner, int side, int other_side, int centre) {
    const auto x = static_cast<std::int16_t>(corner - centre);
    const auto floored = static_cast<std::int16_t>((x * diagonal_factor) >> 16);
    return static_cast<std::int16_t>(side + other_side + 2 * (corner - 2 * centre) + floored) >= 0;
}

// Plain codes of one row; `above`, `row` and `below` may be read from -1 to width.
void plain_codes_8_1_row(const std::uint8_t* above, const std::uint8_t* row,
                         const std::uint8_t* below, std::ptrdiff_t width, std::uint8_t* codes) {
    for (std::ptrdiff_t x = 0; x < width; ++x) {
        const int centre = row[x];
        const int east = row[x + 1], north = above[x], west = row[x - 1], south = below[x];
        int code = (east >= centre) | (north >= centre) << 2 | (west >= centre) << 4 |
                   (south >= centre) << 6;
        code |= diagonal_is_set(above[x + 1], north, east, centre) << 1;
        code |= diagonal_is_set(above[x - 1], north, west, centre) << 3;
        code |= diagonal_is_set(below[x - 1], south, west, centre) << 5;
        code |= diagonal_is_set(below[x + 1], south, east, centre) << 7;
        codes[x] = static_cast<std::uint8_t>(code);
    }
}

void plain_codes_8_1(PaddedImage& image, std::uint8_t* codes) {
    for (std::ptrdiff_t y = 0; y < image.height(); ++y)
        plain_codes_8_1_row(image.row(y - 1), image.row(y), image.row(y + 1), image.width(),
                            codes + y * image.width());
}

bool is_8_1(const LbpPattern& pattern) { return pattern.points == 8 && pattern.radius == 1.0; }

// any P and R.

// Weights are integers of at most 1e10 and values are bytes, so every product and sum below is an
// integer under 2^53: float64 holds it exactly, and multiplies faster than 64-bit integers do.

// One pixel that a neighbour's bilinear value reads, relative to the centre.
struct Tap {
    std::ptrdiff_t row, column;
    double weight;
};

// The neighbour's value is at least the centre's when its weighted taps sum to at least
// `total` times the centre.
struct Neighbour {
    std::vector<Tap> taps;
    double total = 0;
};

constexpr std::int64_t unit = 100000;  // offsets are rounded to five decimals

std::int64_t floor_to_pixel(std::int64_t offset) {
    return offset >= 0 ? offset / unit : -((-offset + unit - 1) / unit);
}

Neighbour neighbour_at(std::int64_t row, std::int64_t column) {
    const std::int64_t top = floor_to_pixel(row), left = floor_to_pixel(column);
    Neighbour neighbour;
    for (const int down : {0, 1}) {
        for (const int right : {0, 1}) {
            const std::int64_t row_distance = std::abs(row - (top + down) * unit);
            const std::int64_t column_distance = std::abs(column - (left + right) * unit);
            const auto weight =
                static_cast<double>((unit - row_distance) * (unit - column_distance));
            if (weight == 0) continue;
            neighbour.taps.push_back({static_cast<std::ptrdiff_t>(top + down),
                                      static_cast<std::ptrdiff_t>(left + right), weight});
            neighbour.total += weight;
        }
    }
    return neighbour;
}

std::vector<Neighbour> neighbours(const LbpPattern& pattern) {
    constexpr double pi = 3.14159265358979323846;
    std::vector<Neighbour> result;
    for (int p = 0; p < pattern.points; ++p) {
        const double angle = 2 * pi * p / pattern.points;
        result.push_back(neighbour_at(std::llrint(-pattern.radius * std::sin(angle) * unit),
                                      std::llrint(pattern.radius * std::cos(angle) * unit)));
    }
    return result;
}

// `sums` is scratch of one row.
void plain_codes(PaddedImage& image, const std::vector<Neighbour>& neighbours,
                 std::vector<double>& sums, std::uint32_t* codes) {
    const std::ptrdiff_t width = image.width();
    for (std::ptrdiff_t y = 0; y < image.height(); ++y, codes += width) {
        std::fill_n(codes, width, 0u);
        std::uint32_t bit = 1;
        for (const Neighbour& neighbour : neighbours) {
            const std::uint8_t* centre = image.row(y);
            for (std::ptrdiff_t x = 0; x < width; ++x) sums[x] = -neighbour.total * centre[x];
            for (const Tap& tap : neighbour.taps) {
                const std::uint8_t* pixels = image.row(y + tap.row) + tap.column;
                for (std::ptrdiff_t x = 0; x < width; ++x) sums[x] += tap.weight * pixels[x];
            }
            for (std::ptrdiff_t x = 0; x < width; ++x) codes[x] |= sums[x] >= 0 ? bit : 0u;
            bit <<= 1;
        }
    }
}

std::ptrdiff_t padding(const LbpPattern& pattern) {
    return static_cast<std::ptrdiff_t>(std::ceil(pattern.radius)) + 1;
}

// counting.

// Counts of 8-bit codes. Four tables take turns, as neighbouring pixels often share a code and
// a count that was just written is slow to read back.
void count_codes(const std::uint8_t* codes, std::ptrdiff_t size,
                 std::array<std::int64_t, 256>& counts) {
    std::array<std::array<std::uint32_t, 256>, 4> tables{};
    std::ptrdiff_t i = 0;
    for (; i + 4 <= size; i += 4)
        for (int k = 0; k < 4; ++k) ++tables[k][codes[i + k]];
    for (; i < size; ++i) ++tables[0][codes[i]];
    for (int code = 0; code < 256; ++code) {
        counts[code] = 0;
        for (int k = 0; k < 4; ++k) counts[code] += tables[k][code];
    }
}

// What one thread works in.
struct Scratch {
    PaddedImage image;
    std::vector<std::uint8_t> codes_8_1;
    std::vector<std::uint32_t> codes;
    std::vector<double> sums;

    Scratch(const ImageStack& stack, const LbpPattern& pattern)
        : image(stack.height, stack.width, padding(pattern)),
          codes_8_1(is_8_1(pattern) ? stack.image_size() : 0),
          codes(is_8_1(pattern) ? 0 : stack.image_size()),
          sums(is_8_1(pattern) ? 0 : stack.width) {}
};

std::array<std::uint32_t, 256> labels_of_bytes(const LbpPattern& pattern) {
    std::array<std::uint32_t, 256> labels{};
    for (std::uint32_t code = 0; code < 256; ++code) labels[code] = pattern.label(code);
    return labels;
}

}  // namespace

std::int64_t LbpPattern::label_count() const {
    const std::int64_t P = points;
    switch (method) {
        case LbpMethod::uniform:
            return P + 2;
        case LbpMethod::nri_uniform:
            return P * (P - 1) + 3;
        default:
            return std::int64_t{1} << P;
    }
}

std::uint32_t LbpPattern::label(std::uint32_t bits) const {
    if (method == LbpMethod::plain) return bits;

    const auto P = static_cast<std::uint32_t>(points);
    const std::uint32_t mask = (1u << P) - 1;
    const auto rotated = [=](std::uint32_t by) { return (bits >> by | bits << (P - by)) & mask; };
    if (method == LbpMethod::ror) {
        std::uint32_t smallest = bits;
        for (std::uint32_t by = 1; by < P; ++by) smallest = std::min(smallest, rotated(by));
        return smallest;
    }

    const auto changes = std::bitset<32>(bits ^ rotated(1)).count();
    const auto ones = static_cast<std::uint32_t>(std::bitset<32>(bits).count());
    if (method == LbpMethod::uniform) return changes <= 2 ? ones : P + 1;

    if (changes > 2) return P * (P - 1) + 2;
    if (ones == 0) return 0;
    if (ones == P) return P * (P - 1) + 1;
    const auto first = [bits](std::uint32_t wanted) {
        std::uint32_t place = 0;
        while ((bits >> place & 1u) != wanted) ++place;
        return place;
    };
    const std::uint32_t rotation = bits & 1u ? ones - first(0) : P - first(1);
    return 1 + (ones - 1) * P + rotation;
}

void lbp_labels(const ImageStack& stack, const LbpPattern& pattern, int threads,
                std::uint32_t* labels) {
    threads = thread_count(threads, stack.count);
    std::vector<Scratch> scratch(static_cast<std::size_t>(threads), Scratch(stack, pattern));
    const auto around = neighbours(pattern);
    const auto byte_labels = labels_of_bytes(pattern);

    for_each_task(stack.count, threads, [&](std::ptrdiff_t index, int thread) {
        Scratch& own = scratch[static_cast<std::size_t>(thread)];
        std::uint32_t* out = labels + index * stack.image_size();
        own.image.fill(stack.image(index));
        if (is_8_1(pattern)) {
            plain_codes_8_1(own.image, own.codes_8_1.data());
            std::transform(own.codes_8_1.begin(), own.codes_8_1.end(), out,
                           [&](std::uint8_t code) { return byte_labels[code]; });
        } else {
            plain_codes(own.image, around, own.sums, out);
            std::transform(out, out + stack.image_size(), out,
                           [&](std::uint32_t code) { return pattern.label(code); });
        }
    });
}

void lbp_histograms(const ImageStack& stack, const LbpPattern& pattern, int threads,
                    std::int64_t* counts) {
    threads = thread_count(threads, stack.count);
    std::vector<Scratch> scratch(static_cast<std::size_t>(threads), Scratch(stack, pattern));
    const auto around = neighbours(pattern);
    const auto byte_labels = labels_of_bytes(pattern);
    const std::ptrdiff_t label_count = pattern.label_count();

    for_each_task(stack.count, threads, [&](std::ptrdiff_t index, int thread) {
        Scratch& own = scratch[static_cast<std::size_t>(thread)];
        std::int64_t* out = counts + index * label_count;
        std::fill_n(out, label_count, std::int64_t{0});
        own.image.fill(stack.image(index));
        if (is_8_1(pattern)) {
            std::array<std::int64_t, 256> code_counts;
            plain_codes_8_1(own.image, own.codes_8_1.data());
            count_codes(own.codes_8_1.data(), stack.image_size(), code_counts);
            for (int code = 0; code < 256; ++code) out[byte_labels[code]] += code_counts[code];
        } else {
            plain_codes(own.image, around, own.sums, own.codes.data());
            for (const std::uint32_t code : own.codes) ++out[pattern.label(code)];
        }
    });
}

}  // namespace miua
