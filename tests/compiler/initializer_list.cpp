// A list in braces inside an awaited call: g++ before 14 refuses to compile it.
#include <coroutine>
#include <exception>
#include <initializer_list>
#include <string>

struct task {
    struct promise_type {
        task get_return_object() { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() { std::terminate(); }
    };
};

std::suspend_never take(std::initializer_list<std::string>) { return {}; }
task list_in_await(std::string text) { co_await take({text, text}); }
