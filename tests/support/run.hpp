// Drives tasks of a test on an event loop with a chosen I/O engine.
#pragma once

#include "net/engine.hpp"

#include <modelmesh/core/error.hpp>
#include <modelmesh/core/result.hpp>
#include <modelmesh/core/task.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/system_error.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

namespace support {

/// Only a failing test is ever waited for this long.
inline constexpr std::chrono::seconds run_limit(15);

/// The engines that this machine can run.
inline std::vector<modelmesh::net::engine_kind> engines() {
    using modelmesh::net::engine_kind;
    boost::asio::io_context probe{1};
    const bool has_ring =
        modelmesh::net::engine::create(probe, modelmesh::net::engine_settings(engine_kind::uring))
            .has_value();
    if (has_ring) return {engine_kind::uring, engine_kind::epoll};
    if (const char* demanded = std::getenv("MODELMESH_IO");
        demanded != nullptr && std::string_view(demanded) == "uring")
        throw std::runtime_error("MODELMESH_IO=uring: this machine has no ring to test");
    return {engine_kind::epoll};
}

/// A task under way. Must not outlive its loop.
template <class T> class running {
public:
    [[nodiscard]] bool is_done() const noexcept { return state_->value.has_value() || state_->failure; }
    void cancel() { state_->cancel.emit(boost::asio::cancellation_type::terminal); }
    /// @throws what the task threw. @pre is_done()
    T take() {
        if (state_->failure) std::rethrow_exception(state_->failure);
        return std::move(*state_->value);
    }

private:
    friend class event_loop;
    struct state {
        std::optional<T> value;
        std::exception_ptr failure;
        boost::asio::cancellation_signal cancel;
    };
    std::shared_ptr<state> state_ = std::make_shared<state>();
};

class event_loop {
public:
    explicit event_loop(modelmesh::net::engine_kind kind) {
        const auto made = modelmesh::net::engine::create(context_, modelmesh::net::engine_settings(kind));
        engine_ = made.value();
    }

    [[nodiscard]] boost::asio::io_context& context() noexcept { return context_; }
    [[nodiscard]] modelmesh::net::engine& engine() noexcept { return *engine_; }

    /// Starts a task: it first runs when the loop does.
    template <class T> running<T> start(modelmesh::task<T> work) {
        running<T> handle;
        auto finish = [state = handle.state_](std::exception_ptr failure, std::optional<T> value) {
            state->failure = failure;
            state->value = std::move(value);
        };
        boost::asio::co_spawn(
            context_, boxed(std::move(work)),
            boost::asio::bind_cancellation_slot(handle.state_->cancel.slot(), std::move(finish)));
        return handle;
    }

    /// Runs the loop until a condition holds that something outside of the loop may bring about.
    template <class Condition> void run_until(Condition condition) {
        const auto limit = std::chrono::steady_clock::now() + run_limit;
        while (!condition()) {
            if (std::chrono::steady_clock::now() > limit)
                throw std::runtime_error("the condition never held");
            context_.restart();
            context_.run_one_for(std::chrono::milliseconds(1));
        }
    }

    /// Runs the loop until it has no work left. A connection at rest is no work.
    void run_to_idle() {
        context_.restart();
        context_.run_for(run_limit);
        if (!context_.stopped()) throw std::runtime_error("the loop never ran out of work");
    }

    /// Runs a task to its end and the loop until it is idle.
    template <class T> T run(modelmesh::task<T> work) {
        running<T> handle = start(std::move(work));
        run_to_idle();
        if (!handle.is_done()) throw std::runtime_error("the loop ran out of work before the task was done");
        return handle.take();
    }

private:
    template <class T> static modelmesh::task<std::optional<T>> boxed(modelmesh::task<T> work) {
        T value = co_await std::move(work);
        co_return std::optional<T>(std::move(value));
    }

    boost::asio::io_context context_{1};
    modelmesh::net::engine* engine_ = nullptr;
};

} // namespace support
