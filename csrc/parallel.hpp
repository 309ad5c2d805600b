// Independent tasks on several threads; without OpenMP the same tasks run on one.
#pragma once

#include <cstddef>

#ifdef _OPENMP
#include <omp.h>
#endif

namespace miua {

// The number of threads worth using for `tasks` tasks; `requested` 0 means OpenMP's default.
inline int thread_count(int requested, std::ptrdiff_t tasks) {
#ifdef _OPENMP
    const std::ptrdiff_t wanted = requested > 0 ? requested : omp_get_max_threads();
#else
    const std::ptrdiff_t wanted = 1;
    (void)requested;
#endif
    return static_cast<int>(tasks < 1 ? 1 : (tasks < wanted ? tasks : wanted));
}

// Call task(index, thread) for every index below `tasks`, with thread below `threads`. A task
// must not throw, so whatever it allocates is allocated by the caller, one for each thread.
template <class Task>
void for_each_task(std::ptrdiff_t tasks, int threads, const Task& task) {
#ifdef _OPENMP
    if (threads > 1) {
#pragma omp parallel for schedule(dynamic) num_threads(threads)
        for (std::ptrdiff_t index = 0; index < tasks; ++index) task(index, omp_get_thread_num());
        return;
    }
#endif
    (void)threads;
    for (std::ptrdiff_t index = 0; index < tasks; ++index) task(index, 0);
}

}  // namespace miua
