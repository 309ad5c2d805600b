// One binary for every processor: a kernel is compiled once for each instruction set, from the
// same portable source, and the one to run is chosen at run time. The results are the same.
//
// A kernel is a struct with a static function `run`, marked MIUA_INLINE; so is every function of
// weight that it calls, as only what is inlined is compiled for the set.
#pragma once

#include <string>
#include <vector>

#if defined(__GNUC__)
#define MIUA_INLINE __attribute__((always_inline)) inline
#else
#define MIUA_INLINE inline
#endif

#if defined(__GNUC__) && defined(__x86_64__)
#define MIUA_HAS_X86_SETS 1
#else
#define MIUA_HAS_X86_SETS 0
#endif

namespace miua {

// `baseline` is what the compiler takes for granted: SSE2 on x86-64, NEON on 64-bit Arm.
enum class InstructionSet { baseline, avx2, avx512 };

const char* name_of(InstructionSet set);

// Those this build and this processor have, the lowest first.
std::vector<InstructionSet> available_instruction_sets();

// The highest available one, or the one named by the environment variable MIUA_INSTRUCTION_SET;
// std::invalid_argument where that names none of the available ones.
InstructionSet chosen_instruction_set();

#if MIUA_HAS_X86_SETS
namespace detail {

template <class Kernel, class... Arguments>
[[gnu::target("avx2")]] void run_avx2(Arguments... arguments) {
    Kernel::run(arguments...);
}

template <class Kernel, class... Arguments>
[[gnu::target("avx512f,avx512bw,avx512dq,avx512vl")]] void run_avx512(Arguments... arguments) {
    Kernel::run(arguments...);
}

}  // namespace detail
#endif

template <class Kernel, class... Arguments>
void run(InstructionSet set, Arguments... arguments) {
#if MIUA_HAS_X86_SETS
    if (set == InstructionSet::avx512) return detail::run_avx512<Kernel>(arguments...);
    if (set == InstructionSet::avx2) return detail::run_avx2<Kernel>(arguments...);
#endif
    (void)set;
    Kernel::run(arguments...);
}

}  // namespace miua
