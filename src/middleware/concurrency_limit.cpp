#include <modelmesh/middleware/limits.hpp>

#include "middleware/waiting.hpp"

#include <list>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>

namespace modelmesh {
namespace {

using detail::waiter;

/// The right to be under way. Given back when it is destroyed: to the first in line, or to whoever comes.
class places {
public:
    explicit places(concurrency_limit_options options)
        : free_(options.max_in_flight), max_waiting_(options.max_waiting) {}

    class place {
    public:
        explicit place(std::shared_ptr<places> of) noexcept : of_(std::move(of)) {}
        place(place&&) noexcept = default;
        place& operator=(place&&) = delete;
        ~place() {
            if (of_) of_->give_back();
        }

    private:
        std::shared_ptr<places> of_;
    };

    // The reference is the call's.
    static task<result<place>> take(std::shared_ptr<places> self, request_context& c) {
        const boost::asio::any_io_executor executor = co_await boost::asio::this_coro::executor;
        std::shared_ptr<waiter> mine;
        {
            const std::lock_guard lock(self->mutex_);
            if (self->free_ > 0) {
                --self->free_;
            } else if (self->line_.size() >= self->max_waiting_) {
                co_return fault(errc::overloaded,
                                "this program's own limit of calls under way is reached, and " +
                                    std::to_string(self->max_waiting_) + " wait for it");
            } else {
                mine = std::make_shared<waiter>(executor);
                self->line_.push_back(mine);
            }
        }
        if (!mine) co_return place(std::move(self));
        in_line kept(self, mine);
        const result<void> waited = co_await waiter::wait(mine, c.deadline() - c.time().now());
        if (!waited) co_return waited.error();
        if (!kept.leave())
            co_return fault(errc::timed_out, "the request's deadline passed while it waited for its turn");
        co_return place(std::move(self));
    }

private:
    /// A place in the line, given up also when the coroutine is destroyed.
    class in_line {
    public:
        in_line(std::shared_ptr<places> of, std::shared_ptr<waiter> who)
            : of_(std::move(of)), who_(std::move(who)) {}
        in_line(const in_line&) = delete;
        in_line& operator=(const in_line&) = delete;
        ~in_line() {
            if (!has_left_ && leave()) of_->give_back(); // called, and gone before it heard of it
        }
        /// Whether it has been called; it has a place then.
        [[nodiscard]] bool leave() {
            has_left_ = true;
            const std::lock_guard lock(of_->mutex_);
            if (!who_->is_called) of_->line_.remove(who_);
            return who_->is_called;
        }

    private:
        std::shared_ptr<places> of_;
        std::shared_ptr<waiter> who_;
        bool has_left_ = false;
    };

    void give_back() {
        const std::lock_guard lock(mutex_);
        if (line_.empty()) {
            ++free_;
            return;
        }
        waiter::call(line_.front());
        line_.pop_front();
    }

    std::mutex mutex_; ///< guards what follows
    std::size_t free_;
    const std::size_t max_waiting_;
    std::list<std::shared_ptr<waiter>> line_;
};

class concurrency_limit final : public middleware {
public:
    explicit concurrency_limit(concurrency_limit_options options)
        : places_(std::make_shared<places>(options)) {}

    [[nodiscard]] std::string_view name() const noexcept override { return "concurrency_limit"; }

    [[nodiscard]] task<result<whole_reply>> handle(request_context& c, reply_next inner) override {
        const result<places::place> mine = co_await places::take(places_, c);
        if (!mine) co_return mine.error();
        co_return co_await inner();
    }

    [[nodiscard]] task<result<streamed_reply>> handle_stream(request_context& c, stream_next inner) override {
        result<places::place> mine = co_await places::take(places_, c);
        if (!mine) co_return std::move(mine).error();
        result<streamed_reply> reply = co_await inner();
        if (reply) reply->watch(*this, std::make_unique<holder>(std::move(*mine)));
        co_return reply;
    }

private:
    class holder final : public stream_watcher {
    public:
        explicit holder(places::place&& held) noexcept : held_(std::move(held)) {}
        [[nodiscard]] bool sees_chunks() const noexcept override { return false; }
        void on_end(const stream_end&) override { held_.reset(); }

    private:
        std::optional<places::place> held_;
    };

    std::shared_ptr<places> places_;
};

} // namespace

std::shared_ptr<middleware> make_concurrency_limit(concurrency_limit_options options) {
    if (options.max_in_flight == 0)
        throw std::invalid_argument("concurrency_limit_options::max_in_flight is 0");
    return std::make_shared<concurrency_limit>(options);
}

} // namespace modelmesh
