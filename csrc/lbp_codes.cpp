#include "lbp_codes.hpp"

#include <cmath>
#include <cstdlib>

namespace miua {
namespace {

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

MIUA_INLINE bool diagonal_is_set(int corner, int side, int other_side, int centre) {
    const auto x = static_cast<std::int16_t>(corner - centre);
    const auto floored = static_cast<std::int16_t>((x * diagonal_factor) >> 16);
    return static_cast<std::int16_t>(side + other_side + 2 * (corner - 2 * centre) + floored) >= 0;
}

struct PlainCodes81 {
    static MIUA_INLINE void row(const std::uint8_t* above, const std::uint8_t* row,
                                const std::uint8_t* below, std::ptrdiff_t width,
                                std::uint8_t* codes) {
        for (std::ptrdiff_t x = 0; x < width; ++x) {
            const std::uint8_t centre = row[x];
            const std::uint8_t east = row[x + 1], north = above[x], west = row[x - 1],
                               south = below[x];
            std::uint8_t code = east >= centre ? 1 : 0;
            code |= diagonal_is_set(above[x + 1], north, east, centre) ? 2 : 0;
            code |= north >= centre ? 4 : 0;
            code |= diagonal_is_set(above[x - 1], north, west, centre) ? 8 : 0;
            code |= west >= centre ? 16 : 0;
            code |= diagonal_is_set(below[x - 1], south, west, centre) ? 32 : 0;
            code |= south >= centre ? 64 : 0;
            code |= diagonal_is_set(below[x + 1], south, east, centre) ? 128 : 0;
            codes[x] = code;
        }
    }

    static MIUA_INLINE void run(const std::uint8_t* first, std::ptrdiff_t stride,
                                std::ptrdiff_t rows, std::ptrdiff_t width, std::uint8_t* codes) {
        for (std::ptrdiff_t y = 0; y < rows; ++y) {
            const std::uint8_t* centre = first + y * stride;
            row(centre - stride, centre, centre + stride, width, codes + y * width);
        }
    }
};

struct PlainCodes {
    static MIUA_INLINE void add_bit(const double* centre, std::ptrdiff_t stride,
                                    std::ptrdiff_t width, const LbpNeighbour& n, double bit,
                                    double* codes) {
        const double* pixel[4];
        for (int k = 0; k < 4; ++k) pixel[k] = centre + n.row[k] * stride + n.column[k];
        const double w0 = n.weight[0], w1 = n.weight[1], w2 = n.weight[2], w3 = n.weight[3];
        const double total = n.total;
        for (std::ptrdiff_t x = 0; x < width; ++x) {
            const double value =
                (w0 * pixel[0][x] + w1 * pixel[1][x]) + (w2 * pixel[2][x] + w3 * pixel[3][x]);
            codes[x] += value >= total * centre[x] ? bit : 0.0;
        }
    }

    // Codes are summed up as float64, beside values of the same width, and converted at the end.
    static MIUA_INLINE void run(const double* first, std::ptrdiff_t stride, std::ptrdiff_t rows,
                                std::ptrdiff_t width, const LbpNeighbour* neighbours, int points,
                                double* sums, std::uint32_t* codes) {
        for (std::ptrdiff_t y = 0; y < rows; ++y) {
            for (std::ptrdiff_t x = 0; x < width; ++x) sums[x] = 0;
            for (int p = 0; p < points; ++p)
                add_bit(first + y * stride, stride, width, neighbours[p],
                        static_cast<double>(1 << p), sums);
            for (std::ptrdiff_t x = 0; x < width; ++x)
                codes[y * width + x] =
                    static_cast<std::uint32_t>(static_cast<std::int32_t>(sums[x]));
        }
    }
};

constexpr std::int64_t unit = 100000;  // offsets are rounded to five decimals

std::int64_t floor_to_pixel(std::int64_t offset) {
    return offset >= 0 ? offset / unit : -((-offset + unit - 1) / unit);
}

LbpNeighbour neighbour_at(std::int64_t row, std::int64_t column) {
    LbpNeighbour neighbour{};
    int k = 0;
    for (const int down : {0, 1}) {
        for (const int right : {0, 1}) {
            const std::int64_t y = floor_to_pixel(row) + down, x = floor_to_pixel(column) + right;
            const auto weight = static_cast<double>((unit - std::abs(row - y * unit)) *
                                                    (unit - std::abs(column - x * unit)));
            neighbour.row[k] = static_cast<std::ptrdiff_t>(y);
            neighbour.column[k] = static_cast<std::ptrdiff_t>(x);
            neighbour.weight[k] = weight;
            neighbour.total += weight;
            ++k;
        }
    }
    return neighbour;
}

}  // namespace

void plain_codes_8_1(const LbpStrip<std::uint8_t>& strip, InstructionSet set, std::uint8_t* codes) {
    run<PlainCodes81>(set, strip.row(0), strip.stride(), strip.rows(), strip.width(), codes);
}

void plain_codes(const LbpStrip<double>& strip, const std::vector<LbpNeighbour>& neighbours,
                 InstructionSet set, double* sums, std::uint32_t* codes) {
    run<PlainCodes>(set, strip.row(0), strip.stride(), strip.rows(), strip.width(),
                    neighbours.data(), static_cast<int>(neighbours.size()), sums, codes);
}

std::vector<LbpNeighbour> lbp_neighbours(const LbpPattern& pattern) {
    constexpr double pi = 3.14159265358979323846;
    std::vector<LbpNeighbour> neighbours;
    for (int p = 0; p < pattern.points; ++p) {
        const double angle = 2 * pi * p / pattern.points;
        neighbours.push_back(neighbour_at(std::llrint(-pattern.radius * std::sin(angle) * unit),
                                          std::llrint(pattern.radius * std::cos(angle) * unit)));
    }
    return neighbours;
}

std::ptrdiff_t lbp_padding(const LbpPattern& pattern) {
    return static_cast<std::ptrdiff_t>(std::ceil(pattern.radius)) + 1;
}

}  // namespace miua
