// Reports what this compiler does with the traps of g++ 12 in coroutines, and fails when the library's macro
// MODELMESH_GCC12_COROUTINES promises a compiler without them and they are there.
#include <modelmesh/core/compiler.hpp>

#include <coroutine>
#include <cstdio>
#include <exception>

namespace {

int alive = 0; // copies of probe that exist; below zero: one was destroyed twice

struct probe {
    probe() { ++alive; }
    probe(const probe&) { ++alive; }
    probe& operator=(const probe&) = default;
    ~probe() { --alive; }
};

struct request { // an aggregate with a destructor that does something, like every wire type
    probe inside;
    int number = 0;
};

/// A coroutine that runs at once and to its end.
struct task {
    struct promise_type {
        task get_return_object() { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() { std::terminate(); }
    };
};

std::suspend_never take(const request&) { return {}; }
template <class Function> std::suspend_never call(const Function& function) {
    function();
    return {};
}
std::suspend_never take_default(const request& value = {}) { return take(value); }

task await_temporary() { co_await take(request{{}, 1}); }
task await_default_argument() { co_await take_default(); }
task await_capturing_lambda() {
    probe captured;
    co_await call([captured] { return &captured; });
}
task await_conditional_argument() {
    const request given{{}, 1};
    const bool is_given = alive > 0;
    co_await take(is_given ? given : request{{}, 2});
}
task await_named() {
    const request named{{}, 1};
    co_await take(named);
}

bool destroys_twice(const char* what, task (*coroutine)()) {
    alive = 0;
    coroutine();
    std::printf("%s: %s\n", what, alive < 0 ? "destroyed twice" : alive == 0 ? "destroyed once" : "leaked");
    return alive < 0;
}

} // namespace

int main() {
    bool trap = destroys_twice("aggregate temporary in co_await", await_temporary);
    trap |= destroys_twice("aggregate default argument in co_await", await_default_argument);
    trap |= destroys_twice("capturing lambda in co_await", await_capturing_lambda);
    trap |= destroys_twice("conditional with a temporary in co_await", await_conditional_argument);
    const bool named = destroys_twice("named aggregate in co_await", await_named);
    std::printf("MODELMESH_GCC12_COROUTINES is %d\n", MODELMESH_GCC12_COROUTINES);
    if (named) std::puts("FAILED: not even a named value is safe on this compiler");
    if (trap && !MODELMESH_GCC12_COROUTINES)
        std::puts(
            "FAILED: the trap is there and the library does not refuse such temporaries on this compiler");
    return named || (trap && !MODELMESH_GCC12_COROUTINES) ? 1 : 0;
}
