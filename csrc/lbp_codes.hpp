// Plain codes: bit p says whether neighbour p is at least as bright as the centre.
#pragma once

#include <cstdint>
#include <vector>

#include "instruction_set.hpp"
#include "lbp.hpp"
#include "lbp_strip.hpp"

namespace miua {

// P = 8 and R = 1 on bytes has a kernel of its own.
inline bool is_8_1(const LbpPattern& pattern) {
    return pattern.points == 8 && pattern.radius == 1.0;
}
void plain_codes_8_1(const LbpStrip<std::uint8_t>& strip, InstructionSet set, std::uint8_t* codes);

// A neighbour's value is at least the centre's when the weighted sum of the four pixels around
// its place is at least `total` times the centre.
//
// Weights are integers of at most 1e10 and pixels have at most 16 bits, so every product and sum
// is an integer under 2^53: float64 holds it exactly, and processors multiply it faster than
// 64-bit integers.
struct LbpNeighbour {
    std::ptrdiff_t row[4], column[4];  // relative to the centre
    double weight[4];
    double total;
};

std::vector<LbpNeighbour> lbp_neighbours(const LbpPattern& pattern);

// How far the neighbours' pixels lie from the centre, at most.
std::ptrdiff_t lbp_padding(const LbpPattern& pattern);

// `sums` is scratch of strip.width() values.
void plain_codes(const LbpStrip<double>& strip, const std::vector<LbpNeighbour>& neighbours,
                 InstructionSet set, double* sums, std::uint32_t* codes);

}  // namespace miua
