// A network whose answers take time that passes only when nobody has anything to do.
#pragma once

#include "fixture.hpp"
#include "router/transport.hpp"

#include <modelmesh/core/task.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace modelmesh::router::testing {

class virtual_time {
public:
    virtual_clock now;

    /// False: canceled before.
    static task<bool> sleep(virtual_time* on, time_point due) {
        boost::asio::steady_timer alarm(co_await boost::asio::this_coro::executor, time_point::max());
        sleeper me(due, alarm);
        on->asleep_.push_back(&me);
        (void)co_await alarm.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
        std::erase(on->asleep_, &me);
        co_return me.is_due;
    }

    /// Runs the task to its end. @param cancel_after  when the caller cancels it; nothing: never.
    template <class T> T run(task<T> work, std::optional<duration> cancel_after = std::nullopt) {
        boost::asio::io_context loop{1};
        boost::asio::cancellation_signal cancel;
        std::optional<T> value;
        std::exception_ptr failure;
        bool is_over = false;
        boost::asio::co_spawn(
            loop, std::move(work),
            boost::asio::bind_cancellation_slot(cancel.slot(), [&](const std::exception_ptr& thrown, T got) {
                failure = thrown;
                value.emplace(std::move(got));
                is_over = true;
            }));
        std::optional<time_point> cancel_at;
        if (cancel_after) cancel_at = now.now() + *cancel_after;
        for (;;) {
            loop.poll();
            loop.restart();
            if (is_over) break;
            const auto first =
                std::min_element(asleep_.begin(), asleep_.end(),
                                 [](const sleeper* a, const sleeper* b) { return a->due < b->due; });
            if (cancel_at && (first == asleep_.end() || (*first)->due >= *cancel_at)) {
                go_to(*std::exchange(cancel_at, std::nullopt));
                cancel.emit(boost::asio::cancellation_type::all);
                continue;
            }
            if (first == asleep_.end()) throw std::logic_error("everybody waits for ever");
            go_to((*first)->due);
            (*first)->is_due = true;
            (*first)->alarm->cancel();
        }
        if (failure) std::rethrow_exception(failure);
        return std::move(*value);
    }
    [[nodiscard]] bool is_quiet() const noexcept { return asleep_.empty(); }

private:
    class sleeper {
    public:
        sleeper(time_point at, boost::asio::steady_timer& by) : due(at), alarm(&by) {}
        time_point due;
        boost::asio::steady_timer* alarm;
        bool is_due = false;
    };
    void go_to(time_point at) {
        if (at > now.now()) now.advance(at - now.now());
    }

    std::vector<sleeper*> asleep_;
};

/// An answer, and how long it takes. A stream has its first content with it, and its end `rest_after` later.
struct timed_answer {
    duration after{};
    std::optional<fault> refusal{};
    int status{200};
    std::string body{};
    duration rest_after{};
    std::string rest{};
    std::string from{}; ///< the transport says who
};

/// Answers by provider, told apart by the key that the request carries; each of them the same way for ever when its
/// script has one line only.
class timed_transport final : public transport {
public:
    virtual_time time_;
    std::map<std::string, std::deque<timed_answer>, std::less<>> script;
    std::vector<std::string> asked;
    std::vector<std::string> canceled;

    task<result<http::response>> exchange(std::shared_ptr<const endpoint>,
                                          std::shared_ptr<const http::request> request, patience) override {
        return answer(this, std::move(request));
    }
    task<result<opened>> open(std::shared_ptr<const endpoint>, std::shared_ptr<const http::request> request,
                              patience) override {
        return open_stream(this, std::move(request));
    }
    task<result<void>> sleep_until(time_point moment) override { return pause(this, moment); }
    [[nodiscard]] const clock& time() const noexcept override { return time_.now; }
    [[nodiscard]] rng& random() noexcept override { return even; }
    [[nodiscard]] std::string_view engine_name() const noexcept override { return "virtual"; }

private:
    class body_in_two final : public body {
    public:
        body_in_two(timed_transport& via, std::string text, time_point rest_at, std::string rest)
            : via_(&via), text_(std::move(text)), rest_at_(rest_at), rest_(std::move(rest)) {}
        result<body_state> try_read(std::string_view& slice) override {
            if (via_->time_.now.now() < rest_at_ && text_.empty()) return body_state::would_block;
            read_ = !text_.empty() ? std::exchange(text_, {}) : std::exchange(rest_, {});
            slice = read_;
            return read_.empty() ? body_state::end : body_state::slice;
        }
        task<result<void>> wait() override { return pause(via_, rest_at_); }
        void done() noexcept override {}

    private:
        timed_transport* via_;
        std::string text_;
        time_point rest_at_;
        std::string rest_;
        std::string read_; ///< what the last slice is of
    };

    timed_answer next_of(const http::request& request) {
        const std::string from(
            request.headers.get("Authorization").substr(std::string_view("Bearer key-of-").size()));
        asked.push_back(from);
        std::deque<timed_answer>& answers = script.at(from);
        timed_answer mine = answers.front();
        if (answers.size() > 1) answers.pop_front();
        mine.from = from;
        return mine;
    }
    static task<result<http::response>> answer(timed_transport* self,
                                               std::shared_ptr<const http::request> request) {
        return answer_as(self, self->next_of(*request));
    }
    static task<result<http::response>> answer_as(timed_transport* self, timed_answer mine) {
        const bool is_due = co_await virtual_time::sleep(&self->time_, self->time_.now.now() + mine.after);
        if (!is_due) {
            self->canceled.push_back(mine.from);
            co_return fault(errc::canceled, "canceled");
        }
        if (mine.refusal) co_return *mine.refusal;
        http::response made;
        made.status = mine.status;
        made.body = mine.body;
        co_return made;
    }
    static task<result<opened>> open_stream(timed_transport* self,
                                            std::shared_ptr<const http::request> request) {
        const timed_answer mine = self->next_of(*request);
        result<http::response> got = co_await answer_as(self, mine);
        if (!got) co_return got.error();
        opened made;
        made.body = std::make_unique<body_in_two>(*self, std::move(got->body),
                                                  self->time_.now.now() + mine.rest_after, mine.rest);
        made.head = std::move(*got);
        co_return made;
    }
    static task<result<void>> pause(timed_transport* self, time_point moment) {
        const bool is_due = co_await virtual_time::sleep(&self->time_, moment);
        if (!is_due) co_return fault(errc::canceled, "canceled");
        co_return result<void>();
    }
};

} // namespace modelmesh::router::testing
