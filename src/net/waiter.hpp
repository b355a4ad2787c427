// The one suspension point of the transport: a coroutine that waits for an event, a deadline or its
// cancellation.
#pragma once

#include "core/timer.hpp"

#include <modelmesh/core/function.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/intrusive/list_hook.hpp>

#include <cstdint>
#include <utility>

namespace modelmesh::net {

class engine;
class waiter;

enum class wait_outcome : std::uint8_t { ready, timed_out, canceled };

using list_hook =
    boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

/// What a coroutine awaits: `const wait_outcome outcome = co_await link.wait_readable(until);`. An Asio
/// operation that begins when it is awaited, and needs no coroutine frame of its own. Honours every type of
/// cancellation that the awaiting coroutine lets through.
class wait_operation {
public:
    wait_operation(waiter& on, time_point deadline) noexcept : on_(&on), deadline_(deadline) {}
    /// Completes with `outcome` behind what is ready now; without a waiter at the cost of a posted handler.
    explicit wait_operation(wait_outcome outcome, waiter* on = nullptr) noexcept
        : on_(on), is_over_(true), outcome_(outcome) {}

    template <boost::asio::completion_token_for<void(wait_outcome)> Token> auto operator()(Token&& token) {
        return boost::asio::async_initiate<Token, void(wait_outcome)>(
            [what = *this]<class Handler>(Handler&& handler) mutable {
                const boost::asio::any_io_executor executor = boost::asio::get_associated_executor(handler);
                const auto slot = boost::asio::get_associated_cancellation_slot(handler);
                what.begin(std::forward<Handler>(handler), executor, slot);
            },
            token);
    }

private:
    using resumption = function<void(wait_outcome)>;
    void begin(resumption resume, const boost::asio::any_io_executor& executor,
               boost::asio::cancellation_slot slot);

    waiter* on_ = nullptr;
    time_point deadline_ = time_point::max();
    bool is_over_ = false;
    wait_outcome outcome_ = wait_outcome::ready;
};

/// Holds at most one suspended coroutine. Completing never runs it inside the caller: the engine resumes it
/// later in its turn, or it is posted when its executor is another than the event loop's own. What it waits
/// for is never cancelled together with it: sockets stay armed, so cancellation races with nothing.
///
/// Whoever is resumed with another outcome than canceled finds the waiter alive, and so what owns it.
class waiter final : private core::timer_node, public list_hook {
public:
    class owner {
    public:
        /// The coroutine stopped waiting without the event.
        virtual void gave_up(waiter& which, wait_outcome why) noexcept = 0;

    protected:
        ~owner() = default;
    };

    waiter(engine& io, owner& told) noexcept : engine_(&io), owner_(told) {}
    /// Completes with canceled whoever has not been resumed yet.
    ~waiter() override;

    /// At most one at a time.
    [[nodiscard]] wait_operation wait(time_point deadline) noexcept { return {*this, deadline}; }
    /// Completes once every coroutine that is ready now has run.
    [[nodiscard]] wait_operation pass() noexcept { return wait_operation(wait_outcome::ready, this); }
    [[nodiscard]] bool pending() const noexcept { return state_ == state::waiting; }
    /// Nothing happens unless somebody waits.
    void complete(wait_outcome outcome) noexcept;

private:
    friend class engine;
    friend class wait_operation;
    enum class state : std::uint8_t { idle, waiting, completed };
    // Lives in the coroutine's cancellation slot, which must not be cleared while it is being emitted; so it
    // is disconnected instead.
    struct canceller;

    void expired() noexcept override { give_up(wait_outcome::timed_out); }
    void begin(function<void(wait_outcome)> resume, time_point deadline, boost::asio::cancellation_slot slot);
    void give_up(wait_outcome why) noexcept;
    /// The engine is being destroyed. Gives up the coroutine.
    function<void(wait_outcome)> leave_engine() noexcept;

    engine* engine_; // null once the event loop is being destroyed
    owner& owner_;
    function<void(wait_outcome)> resume_;
    canceller* canceller_ = nullptr;
    state state_ = state::idle;
    wait_outcome outcome_ = wait_outcome::ready; // when completed
};

} // namespace modelmesh::net
