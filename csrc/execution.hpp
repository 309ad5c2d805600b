// How a kernel is carried out: on how many threads, with which instructions, until when.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>

#include "instruction_set.hpp"

#ifdef _OPENMP
#include <omp.h>
#endif

namespace miua {

struct Execution {
    int threads = 0;  // 0: OpenMP's default
    InstructionSet instruction_set = InstructionSet::baseline;
    // Asked now and then, by the calling thread only; once it says true, the kernel returns as
    // soon as it can and leaves its result unfinished. It must not throw.
    std::function<bool()> interrupted = [] { return false; };
};

// The number of threads worth using for `tasks` tasks. In a process that was forked off another
// it is 1, since the threads of GNU's OpenMP do not survive a fork and it would wait for them.
int thread_count(const Execution& execution, std::ptrdiff_t tasks);

// Call task(index, thread) for every index below `tasks`, with thread below `threads`. A task
// must not throw, so whatever it allocates is allocated by the caller, one for each thread.
template <class Task>
void for_each_task(std::ptrdiff_t tasks, int threads, const Execution& execution,
                   const Task& task) {
    using Clock = std::chrono::steady_clock;
    constexpr auto pause = std::chrono::milliseconds(50);
    std::atomic<bool> stopped{false};
    auto next_question = Clock::now() + pause;

    const auto run_one = [&](std::ptrdiff_t index, int thread) {
        if (stopped.load(std::memory_order_relaxed)) return;
        if (thread == 0 && Clock::now() >= next_question) {
            if (execution.interrupted()) {
                stopped = true;
                return;
            }
            next_question = Clock::now() + pause;
        }
        task(index, thread);
    };
#ifdef _OPENMP
    if (threads > 1) {
#pragma omp parallel for schedule(dynamic) num_threads(threads)
        for (std::ptrdiff_t index = 0; index < tasks; ++index) run_one(index, omp_get_thread_num());
        return;
    }
#endif
    (void)threads;
    for (std::ptrdiff_t index = 0; index < tasks; ++index) run_one(index, 0);
}

}  // namespace miua
