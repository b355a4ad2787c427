// The one suspension point of the transport: a coroutine that waits for an event, a deadline or its
// cancellation.
#pragma once

#include "core/timer.hpp"

#include <modelmesh/core/task.hpp>

#include <boost/asio/async_result.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/intrusive/list_hook.hpp>

#include <cstdint>
#include <optional>

namespace modelmesh::net {

class engine;

enum class wait_outcome : std::uint8_t { ready, timed_out, canceled };

using list_hook =
    boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

/// Holds at most one suspended coroutine. Completing never runs it inside the caller: the engine resumes it
/// later in its turn, or it is posted when its executor is another than the event loop's own. What it waits
/// for is never cancelled together with it: sockets stay armed, so cancellation races with nothing.
class waiter final : private core::timer_node, public list_hook {
public:
    /// Told when the coroutine stopped waiting without the event (deadline, cancellation).
    class owner {
    public:
        virtual void gave_up(waiter& which) noexcept = 0;

    protected:
        ~owner() = default;
    };

    using handler =
        boost::asio::async_result<boost::asio::use_awaitable_t<>, void(wait_outcome)>::handler_type;

    waiter(engine& io, owner& told) noexcept : engine_(&io), owner_(told) {}
    /// Completes with canceled whoever still waits.
    ~waiter() override { complete(wait_outcome::canceled); }

    /// At most one at a time. Honours every type of cancellation that the awaiting coroutine lets through.
    [[nodiscard]] task<wait_outcome> wait(time_point deadline);
    /// Completes once every coroutine that is ready now has run.
    [[nodiscard]] task<wait_outcome> pass();
    [[nodiscard]] bool pending() const noexcept { return handler_.has_value(); }
    /// Nothing happens unless somebody waits.
    void complete(wait_outcome outcome) noexcept;

private:
    friend class engine;
    // Lives in the coroutine's cancellation slot, which must not be cleared while it is being emitted; so it
    // is disconnected instead.
    struct canceller;

    void expired() noexcept override { give_up(wait_outcome::timed_out); }
    void start(handler h, time_point deadline);
    void give_up(wait_outcome why) noexcept;
    handler take() noexcept;

    engine* engine_; // null once the event loop is being destroyed
    owner& owner_;
    std::optional<handler> handler_;
    canceller* canceller_ = nullptr;
};

} // namespace modelmesh::net
