#include "client/bridge.hpp"

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/intrusive/list.hpp>

#include <exception>
#include <latch>
#include <mutex>
#include <vector>

namespace modelmesh::detail {
namespace {

namespace asio = boost::asio;

class call;
using call_hook = boost::intrusive::list_base_hook<>;

// The calls in flight whose callers live in one execution context.
struct callers {
    std::mutex mutex;
    boost::intrusive::list<call, boost::intrusive::base_hook<call_hook>> waiting;
};

// Tells when the context ends. Asio shuts services down newest first, so queues of the context still take
// what is posted until this one has been told.
class callers_service final : public asio::execution_context::service {
public:
    static inline asio::execution_context::id id;
    explicit callers_service(asio::execution_context& context) : service(context) {}
    const std::shared_ptr<callers> here = std::make_shared<callers>();

private:
    void shutdown() noexcept override;
};

class call final : public std::enable_shared_from_this<call>, public call_hook {
public:
    using handler = asio::async_result<asio::use_awaitable_t<>, void(std::exception_ptr)>::handler_type;

    call(std::shared_ptr<void> owner, asio::io_context& loop, function<task<void>()> work)
        : owner_(std::move(owner)), loop_(loop), work_(std::move(work)) {}

    // On the caller's executor.
    void start(handler h) {
        const auto executor = asio::get_associated_executor(h);
        from_ = asio::use_service<callers_service>(asio::query(executor, asio::execution::context)).here;
        auto slot = asio::get_associated_cancellation_slot(h);
        if (slot.is_connected())
            slot.assign([self = shared_from_this()](asio::cancellation_type type) { self->cancel(type); });
        {
            const std::lock_guard lock(from_->mutex);
            waiter_.emplace(std::move(h));
            from_->waiting.push_back(*this);
        }
        asio::post(loop_, [self = shared_from_this()] {
            asio::co_spawn(
                self->loop_, work_of(self),
                asio::bind_cancellation_slot(self->signal_.slot(), [self](std::exception_ptr failure) {
                    self->finish(std::move(failure));
                }));
        });
    }

    // The caller's context is being destroyed; `which` has been taken off its list. The coroutine that waits
    // is destroyed by the caller of this function, outside the lock.
    [[nodiscard]] handler abandon() {
        cancel(asio::cancellation_type::terminal);
        handler h = std::move(waiter_->resume);
        waiter_.reset();
        return h;
    }

    // Until the work of an abandoned call is over; being cancelled, it soon is. What the call kept alive ends
    // on this thread.
    void wait_for_end() {
        if (loop_.get_executor().running_in_this_thread()) return;
        ended_.wait();
        owner_.reset();
    }

private:
    // Keeps the caller's context running meanwhile.
    struct waiter {
        explicit waiter(handler h)
            : work(asio::prefer(asio::get_associated_executor(h), asio::execution::outstanding_work.tracked)),
              resume(std::move(h)) {}
        asio::any_io_executor work;
        handler resume;
    };

    static task<void> work_of(std::shared_ptr<call> self) {
        co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
        co_await self->work_();
    }

    void cancel(asio::cancellation_type type) {
        asio::post(loop_, [self = shared_from_this(), type] { self->signal_.emit(type); });
    }

    // On the loop.
    void finish(std::exception_ptr failure) {
        work_ = {};
        const std::lock_guard lock(from_->mutex);
        if (!waiter_) return ended_.count_down();
        // The caller's coroutine holds the owner as well. Once it runs, its copy shall be the last, so that
        // the library's thread is joined by the caller and never left to itself.
        owner_.reset();
        from_->waiting.erase(from_->waiting.iterator_to(*this));
        // Posted under the lock: the context cannot end before it has been posted to.
        const asio::any_io_executor executor = waiter_->work;
        asio::post(executor, [w = std::move(*waiter_), failure = std::move(failure)]() mutable {
            asio::get_associated_cancellation_slot(w.resume).clear();
            w.resume(std::move(failure));
        });
        waiter_.reset();
    }

    std::shared_ptr<void> owner_;
    asio::io_context& loop_;
    function<task<void>()> work_;      // on the loop, once started
    asio::cancellation_signal signal_; // on the loop
    std::shared_ptr<callers> from_;
    std::latch ended_{1};          // counted down when `work` of an abandoned call is over
    std::optional<waiter> waiter_; // guarded by from_->mutex; empty once the caller was resumed or is gone
};

void callers_service::shutdown() noexcept {
    std::vector<std::shared_ptr<call>> abandoned;
    std::vector<call::handler> gone;
    {
        const std::lock_guard lock(here->mutex);
        here->waiting.clear_and_dispose([&](call* which) {
            abandoned.push_back(which->shared_from_this());
            gone.push_back(which->abandon());
        });
    }
    gone.clear();
    // What the caller owns besides its coroutine, a log sink for one, may be gone when this returns.
    for (const std::shared_ptr<call>& each : abandoned) each->wait_for_end();
}

} // namespace

task<void> run_bridged(std::shared_ptr<void> owner, asio::io_context& loop, function<task<void>()> work) {
    auto made = std::make_shared<call>(std::move(owner), loop, std::move(work));
    return asio::async_initiate<const asio::use_awaitable_t<>, void(std::exception_ptr)>(
        [made = std::move(made)](call::handler h) { made->start(std::move(h)); }, asio::use_awaitable);
}

} // namespace modelmesh::detail
