#include "execution.hpp"

#include <algorithm>

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#define MIUA_HAS_FORK 1
#else
#define MIUA_HAS_FORK 0
#endif

namespace miua {

#ifdef _OPENMP
namespace {

std::atomic<bool> forked{false};

#if MIUA_HAS_FORK
[[maybe_unused]] const int registered = pthread_atfork(nullptr, nullptr, [] { forked = true; });
#endif

}  // namespace
#endif

int thread_count(const Execution& execution, std::ptrdiff_t tasks) {
    std::ptrdiff_t wanted = 1;
#ifdef _OPENMP
    if (!forked) wanted = execution.threads > 0 ? execution.threads : omp_get_max_threads();
#else
    (void)execution;
#endif
    return static_cast<int>(std::max<std::ptrdiff_t>(1, std::min(tasks, wanted)));
}

}  // namespace miua
