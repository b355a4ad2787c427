// Calls through middlewares on a virtual clock, with the mesh played by the test.
#pragma once

#include "middleware/onion.hpp"
#include "middleware/stream_content.hpp"
#include "support/event_list.hpp"
#include "support/manual_clock.hpp"

#include <modelmesh/core/log.hpp>
#include <modelmesh/core/task.hpp>
#include <modelmesh/json/write.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace modelmesh::testing {

/// Sleeping moves the clock.
class test_context final : public request_context {
public:
    test_context(std::shared_ptr<const prepared_request> request, support::manual_clock& time)
        : request_context("0123456789abcdef0123456789abcdef", std::move(request), "", "",
                          time.now() + std::chrono::seconds(300), time),
          clock_(&time) {}

    std::vector<duration> slept{};
    bool is_canceled{false}; ///< while it sleeps

private:
    task<result<void>> sleep_until(time_point moment) override {
        if (is_canceled) co_return fault(errc::canceled, "canceled while waiting");
        slept.push_back(std::max(moment - clock_->now(), duration::zero()));
        clock_->advance(slept.back());
        co_return result<void>();
    }
    support::manual_clock* clock_;
};

inline const std::string asked = R"({"model":"chat","messages":[{"role":"user","content":"hi"}]})";

class MiddlewareFixture : public ::testing::Test {
protected:
    using layers = std::vector<std::shared_ptr<middleware>>;

    std::shared_ptr<test_context> make_context(bool stream = false, const std::string& json = asked,
                                               operation what = operation::chat_completion) {
        return std::make_shared<test_context>(prepared_request::parse(what, json, stream).value(), time);
    }

    /// One plain call through the layers.
    result<whole_reply> call(const layers& through, std::shared_ptr<test_context> context = nullptr) {
        if (!context) context = make_context();
        const detail::onion all(through, &log);
        return modelmesh::run(call_of(&all, context.get(), this));
    }
    /// The chunks of one streamed call, each behind the other with '|' between, and '!' with what ended it badly.
    result<std::string> stream(const layers& through, std::shared_ptr<test_context> context = nullptr) {
        result<std::unique_ptr<router::reply_stream>> got = open(through, std::move(context));
        if (!got) return got.error();
        return read(**got);
    }
    result<std::unique_ptr<router::reply_stream>> open(const layers& through,
                                                       std::shared_ptr<test_context> context = nullptr) {
        if (!context) context = make_context(true);
        const auto all = std::make_shared<const detail::onion>(through, &log);
        result<streamed_reply> opened = modelmesh::run(opened_by(all.get(), context.get(), this));
        if (!opened) return opened.error();
        return detail::watched(*detail::stream_content::of(*opened), all, context);
    }
    static std::string read(router::reply_stream& from) {
        std::string all;
        for (;;) {
            std::string_view piece;
            const result<router::stream_state> state = from.try_next(piece);
            if (!state) return all + "!" + state.error().message;
            if (*state == router::stream_state::end) return all;
            all.append(all.empty() ? "" : "|").append(piece);
        }
    }

    std::vector<std::string> reached{}; ///< the requests that the mesh got
    std::function<result<whole_reply>(const request_context&)> mesh = [](const request_context&) {
        return whole_reply("mesh");
    };
    std::function<result<streamed_reply>(const request_context&)> streaming_mesh =
        [](const request_context&) {
            return streamed_reply::of(
                std::make_shared<const std::vector<std::string>>(std::vector<std::string>{"a", "b"}));
        };
    support::manual_clock time;
    support::event_list log{{.has_ids = true}};

private:
    static task<result<whole_reply>> answer(MiddlewareFixture* self, request_context* c) {
        self->reached.emplace_back(c->request().json());
        co_return self->mesh(*c);
    }
    static task<result<streamed_reply>> answer_stream(MiddlewareFixture* self, request_context* c) {
        self->reached.emplace_back(c->request().json());
        co_return self->streaming_mesh(*c);
    }
    static task<result<whole_reply>> call_of(const detail::onion* all, request_context* c,
                                             MiddlewareFixture* self) {
        function<task<result<whole_reply>>()> innermost = [c, self] { return answer(self, c); };
        detail::onion_run<whole_reply> run(*all, *c, std::move(innermost));
        co_return co_await run.from(0);
    }
    static task<result<streamed_reply>> opened_by(const detail::onion* all, request_context* c,
                                                  MiddlewareFixture* self) {
        function<task<result<streamed_reply>>()> innermost = [c, self] { return answer_stream(self, c); };
        detail::onion_run<streamed_reply> run(*all, *c, std::move(innermost));
        co_return co_await run.from(0);
    }
};

} // namespace modelmesh::testing
