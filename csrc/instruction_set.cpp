#include "instruction_set.hpp"

#include <cstdlib>
#include <stdexcept>

namespace miua {

const char* name_of(InstructionSet set) {
    switch (set) {
        case InstructionSet::avx2:
            return "avx2";
        case InstructionSet::avx512:
            return "avx512";
        default:
            return "baseline";
    }
}

std::vector<InstructionSet> available_instruction_sets() {
    std::vector<InstructionSet> sets{InstructionSet::baseline};
#if MIUA_HAS_X86_SETS
    if (__builtin_cpu_supports("avx2")) {
        sets.push_back(InstructionSet::avx2);
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
            __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
            sets.push_back(InstructionSet::avx512);
    }
#endif
    return sets;
}

InstructionSet chosen_instruction_set() {
    static const auto available = available_instruction_sets();
    const char* wanted = std::getenv("MIUA_INSTRUCTION_SET");
    if (wanted == nullptr || *wanted == '\0') return available.back();
    std::string names;
    for (const InstructionSet set : available) {
        if (std::string(wanted) == name_of(set)) return set;
        names += (names.empty() ? "" : ", ") + std::string(name_of(set));
    }
    throw std::invalid_argument("MIUA_INSTRUCTION_SET is '" + std::string(wanted) +
                                "', but this build on this processor has: " + names);
}

}  // namespace miua
