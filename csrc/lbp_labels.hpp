// From plain codes to the labels of a method.
#pragma once

#include <cstddef>
#include <cstdint>

#include "instruction_set.hpp"
#include "lbp.hpp"

namespace miua {

// Replace the plain codes by the pattern's labels.
void relabel(const LbpPattern& pattern, InstructionSet set, std::uint32_t* codes,
             std::ptrdiff_t size);

}  // namespace miua
