#include "middleware/onion.hpp"

#include "fixture.hpp"
#include "middleware/attempts.hpp"

#include <modelmesh/api/chat/request.hpp>

#include <stdexcept>

namespace modelmesh::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// A middleware whose hooks are what the test says.
class scripted final : public middleware {
public:
    explicit scripted(std::string called, hook_failure when_broken = hook_failure::fail_open)
        : name_(std::move(called)), when_broken_(when_broken) {}

    std::string_view name() const noexcept override { return name_; }
    hook_failure on_hook_failure() const noexcept override { return when_broken_; }
    result<void> on_request(request_context& c) override { return request ? request(c) : result<void>(); }
    result<void> on_reply(request_context& c, whole_reply& r) override {
        return reply ? reply(c, r) : result<void>();
    }
    std::optional<whole_reply> on_error(request_context&, const fault& f) override {
        return error ? error(f) : std::nullopt;
    }
    std::optional<streamed_reply> on_stream_error(request_context&, const fault&) override {
        return stream_error ? stream_error() : std::nullopt;
    }
    std::unique_ptr<stream_watcher> watcher_of(request_context&) override {
        return watcher ? watcher() : nullptr;
    }
    bool sees_attempts() const noexcept override { return before || after; }
    result<void> before_attempt(attempt_context& a) override { return before ? before(a) : result<void>(); }
    void after_attempt(attempt_context& a, const fault* f) override {
        if (after) after(a, f);
    }

    std::function<result<void>(request_context&)> request;
    std::function<result<void>(request_context&, whole_reply&)> reply;
    std::function<std::optional<whole_reply>(const fault&)> error;
    std::function<std::optional<streamed_reply>()> stream_error;
    std::function<std::unique_ptr<stream_watcher>()> watcher;
    std::function<result<void>(attempt_context&)> before;
    std::function<void(attempt_context&, const fault*)> after;

private:
    std::string name_;
    hook_failure when_broken_;
};

class scripted_watcher final : public stream_watcher {
public:
    result<void> on_chunk(stream_chunk& c) override { return chunk ? chunk(c) : result<void>(); }
    void on_end(const stream_end& how) override {
        if (end) end(how.failure);
    }
    bool sees_chunks() const noexcept override { return static_cast<bool>(chunk); }

    std::function<result<void>(stream_chunk&)> chunk;
    std::function<void(const fault*)> end;
};

std::shared_ptr<scripted> called(const std::string& name, hook_failure when = hook_failure::fail_open) {
    return std::make_shared<scripted>(name, when);
}
std::shared_ptr<const std::vector<std::string>> chunks(std::vector<std::string> of) {
    return std::make_shared<const std::vector<std::string>>(std::move(of));
}

class short_circuit final : public middleware {
public:
    std::string_view name() const noexcept override { return "short"; }
    task<result<whole_reply>> handle(request_context&, reply_next) override {
        co_return whole_reply("given");
    }
    task<result<streamed_reply>> handle_stream(request_context&, stream_next) override {
        co_return streamed_reply::of(chunks({"x", "y"}));
    }
};

/// Throws before, or after, it has asked further in.
class breaking final : public middleware {
public:
    breaking(bool after, hook_failure when) : is_after_(after), when_(when) {}
    std::string_view name() const noexcept override { return "breaking"; }
    hook_failure on_hook_failure() const noexcept override { return when_; }
    task<result<whole_reply>> handle(request_context&, reply_next inner) override {
        if (is_after_) (void)co_await inner();
        throw std::runtime_error("oops");
    }
    task<result<streamed_reply>> handle_stream(request_context&, stream_next inner) override {
        if (is_after_) (void)co_await inner();
        throw std::runtime_error("oops");
    }

private:
    bool is_after_;
    hook_failure when_;
};

using Onion = MiddlewareFixture;

TEST_F(Onion, WithoutLayersIsTheMesh) {
    EXPECT_EQ(call({})->body(), "mesh");
    EXPECT_EQ(*stream({}), "a|b");
}

TEST_F(Onion, TheFirstIsTheOutermost) {
    std::string order;
    layers all;
    for (const char* name : {"1", "2", "3"}) {
        auto layer = called(name);
        layer->request = [&order, name](request_context&) -> result<void> {
            order += std::string(">") + name;
            return {};
        };
        layer->reply = [&order, name](request_context&, whole_reply& r) -> result<void> {
            order += std::string("<") + name;
            r.change_body(r.body() + name);
            return {};
        };
        all.push_back(layer);
    }
    EXPECT_EQ(call(all)->body(), "mesh321");
    EXPECT_EQ(order, ">1>2>3<3<2<1");
}

TEST_F(Onion, AMiddlewareMayAnswerItself) {
    bool inner_was_asked = false;
    auto inner = called("inner");
    inner->request = [&](request_context&) -> result<void> {
        inner_was_asked = true;
        return {};
    };
    const layers all{std::make_shared<short_circuit>(), inner};
    EXPECT_EQ(call(all)->body(), "given");
    EXPECT_EQ(*stream(all), "x|y");
    EXPECT_FALSE(inner_was_asked);
    EXPECT_THAT(reached, IsEmpty());
}

TEST_F(Onion, AChangedRequestIsWhatLiesFurtherInSees) {
    auto outer = called("outer");
    auto inner = called("inner");
    outer->request = [](request_context& c) {
        auto typed = json::read<chat::request>(c.request().json()).value();
        typed.model = "other";
        typed.messages.clear();
        return c.change_request(json::write(typed));
    };
    std::string seen;
    inner->request = [&seen](request_context& c) -> result<void> {
        seen = c.request().name() + " for " + c.requested_name();
        return {};
    };
    ASSERT_TRUE(call({outer, inner}));
    EXPECT_EQ(seen, "other for chat");
    EXPECT_THAT(reached, ElementsAre(R"({"model":"other","messages":[]})"));
}

TEST_F(Onion, AChangeThatIsNoRequestLeavesTheRequest) {
    const auto context = make_context();
    EXPECT_EQ(context->change_request("[]").error().kind(), errc::bad_request);
    EXPECT_EQ(context->change_request(R"({"messages":[]})").error().kind(), errc::bad_request);
    EXPECT_EQ(context->request().json(), asked);
}

TEST_F(Onion, TheSessionIsTheRequests) {
    EXPECT_EQ(make_context()->session(), "");
    EXPECT_EQ(make_context(false, R"({"model":"m","user":"a\"b"})")->session(), "a\"b");
}

TEST_F(Onion, AFaultOfAHookIsTheCalls) {
    auto outer = called("outer");
    outer->request = [](request_context&) -> result<void> { return fault(errc::permission, "no"); };
    EXPECT_EQ(call({outer}).error().kind(), errc::permission);
    EXPECT_EQ(stream({outer}).error().kind(), errc::permission);
    EXPECT_THAT(reached, IsEmpty());
    EXPECT_THAT(log.lines(), IsEmpty()) << "it is no defect";
}

TEST_F(Onion, OnErrorTheFirstReplyFromWithinWins) {
    mesh = [](const request_context&) -> result<whole_reply> { return fault(errc::exhausted, "none"); };
    auto outer = called("outer");
    auto middle = called("middle");
    auto inner = called("inner");
    outer->error = [](const fault&) { return std::optional<whole_reply>("outer's"); };
    EXPECT_EQ(call({outer, middle, inner})->body(), "outer's");
    middle->error = [](const fault& f) {
        return std::optional<whole_reply>("middle's for " + std::string(to_string(f.kind())));
    };
    EXPECT_EQ(call({outer, middle, inner})->body(), "middle's for exhausted");
    inner->error = [](const fault&) -> std::optional<whole_reply> { throw std::runtime_error("oops"); };
    EXPECT_EQ(call({outer, middle, inner})->body(), "middle's for exhausted");
    middle->error = nullptr;
    outer->error = nullptr;
    EXPECT_EQ(call({outer, middle, inner}).error().kind(), errc::exhausted)
        << "nobody has one: the fault stays";
}

TEST_F(Onion, OnStreamErrorTheFirstStreamFromWithinWins) {
    streaming_mesh = [](const request_context&) -> result<streamed_reply> {
        return fault(errc::exhausted, "none");
    };
    auto outer = called("outer");
    auto inner = called("inner");
    EXPECT_EQ(stream({outer, inner}).error().kind(), errc::exhausted);
    outer->stream_error = [] { return std::optional(streamed_reply::of(chunks({"sorry"}))); };
    EXPECT_EQ(*stream({outer, inner}), "sorry");
}

TEST_F(Onion, FailOpenGoesOnAsIfTheMiddlewareWereNotThere) {
    for (const bool after : {false, true}) {
        reached.clear();
        log.clear();
        const layers all{std::make_shared<breaking>(after, hook_failure::fail_open)};
        EXPECT_EQ(call(all)->body(), "mesh");
        EXPECT_EQ(*stream(all), "a|b");
        EXPECT_EQ(reached.size(), 2U) << "the mesh is asked once by each call";
        EXPECT_THAT(log.lines(), ElementsAre(HasSubstr("middleware.failed "), HasSubstr("message=oops")));
        EXPECT_THAT(log.lines().front(), HasSubstr("request_id=0123456789abcdef0123456789abcdef "
                                                   "middleware=breaking effect=fail_open"));
    }
}

TEST_F(Onion, FailClosedFailsTheCallWithItsName) {
    for (const bool after : {false, true}) {
        const layers all{std::make_shared<breaking>(after, hook_failure::fail_closed)};
        EXPECT_EQ(call(all).error().kind(), errc::internal);
        EXPECT_EQ(call(all).error().message, "the middleware 'breaking' failed: oops");
        EXPECT_EQ(stream(all).error().message, "the middleware 'breaking' failed: oops");
    }
}

TEST_F(Onion, WhatIsThrownFurtherInIsNotBlamedOnALayer) {
    mesh = [](const request_context&) -> result<whole_reply> { throw std::logic_error("the mesh"); };
    EXPECT_THROW((void)call({called("outer")}), std::logic_error);
    EXPECT_THAT(log.lines(), IsEmpty());
}

TEST_F(Onion, WatchersSeeChunksFromTheInnermostOutwards) {
    std::vector<std::string> seen;
    layers all;
    for (const char* name : {"outer", "inner"}) {
        auto layer = called(name);
        layer->watcher = [&seen, name] {
            auto w = std::make_unique<scripted_watcher>();
            w->chunk = [&seen, name](stream_chunk& c) -> result<void> {
                seen.push_back(std::string(name) + ":" + std::string(c.data()));
                c.replace(std::string(c.data()) + name[0]);
                return {};
            };
            w->end = [&seen, name](const fault* f) {
                seen.push_back(std::string(name) + (f == nullptr ? " ended" : " failed"));
            };
            return w;
        };
        all.push_back(layer);
    }
    EXPECT_EQ(*stream(all), "aio|bio");
    EXPECT_THAT(seen,
                ElementsAre("inner:a", "outer:ai", "inner:b", "outer:bi", "inner ended", "outer ended"));
}

TEST_F(Onion, AStreamThatNobodyWatchesIsTheMeshsOwn) {
    const router::reply_stream* own = nullptr;
    streaming_mesh = [&own](const request_context&) -> result<streamed_reply> {
        streamed_reply made = streamed_reply::of(chunks({"a"}));
        own = detail::stream_content::of(made)->session.get();
        return made;
    };
    const auto got = open({called("one"), called("two")});
    ASSERT_TRUE(got);
    EXPECT_EQ(got->get(), own) << "no wrapper: chunks cost nothing";
}

TEST_F(Onion, AWatcherThatThrowsIsTakenOffOrEndsTheStream) {
    for (const hook_failure when : {hook_failure::fail_open, hook_failure::fail_closed}) {
        log.clear();
        int looked = 0;
        bool ended_badly = false;
        auto layer = called("watching", when);
        layer->watcher = [&] {
            auto w = std::make_unique<scripted_watcher>();
            w->chunk = [&looked](stream_chunk&) -> result<void> {
                ++looked;
                throw std::runtime_error("oops");
            };
            w->end = [&](const fault* f) { ended_badly = f != nullptr; };
            return w;
        };
        const bool is_open = when == hook_failure::fail_open;
        EXPECT_EQ(*stream({layer}), is_open ? "a|b" : "!the middleware 'watching' failed: oops");
        EXPECT_EQ(looked, 1);
        EXPECT_EQ(log.lines().size(), 1U);
        EXPECT_FALSE(ended_badly) << "what has thrown is not called again";
    }
}

TEST_F(Onion, AFaultOfAWatcherEndsTheStream) {
    auto layer = called("censor");
    layer->watcher = [] {
        auto w = std::make_unique<scripted_watcher>();
        w->chunk = [](stream_chunk& c) -> result<void> {
            if (c.data() == "b") return fault(errc::content_filter, "not that");
            return {};
        };
        return w;
    };
    EXPECT_EQ(*stream({layer}), "a!not that");
}

TEST_F(Onion, AStreamThatIsDroppedEndsForItsWatchersOnce) {
    std::vector<std::string> ends;
    auto layer = called("counting");
    layer->watcher = [&ends] {
        auto w = std::make_unique<scripted_watcher>();
        w->end = [&ends](const fault* f) { ends.emplace_back(f == nullptr ? "well" : to_string(f->kind())); };
        return w;
    };
    open({layer})->reset();
    EXPECT_THAT(ends, ElementsAre("canceled"));
    auto read_to_the_end_of_the_reply = open({layer}).value();
    read_to_the_end_of_the_reply->served();
    read_to_the_end_of_the_reply.reset();
    EXPECT_THAT(ends, ElementsAre("canceled", "well"));
}

// ------------------------------------------------------------------------------------------------ attempts

class Attempts : public MiddlewareFixture {
protected:
    result<void> begin(const layers& through, http::headers& headers) {
        hooks = detail::attempts_of(std::make_shared<const detail::onion>(through, &log), make_context());
        return hooks->begin({"pool", "provider", "provider.model", 2}, headers);
    }
    std::shared_ptr<router::attempt_hooks> hooks;
};

TEST_F(Attempts, WithoutAMiddlewareThatSeesThemThereAreNoHooks) {
    const auto all = std::make_shared<const detail::onion>(layers{called("blind")}, &log);
    EXPECT_EQ(detail::attempts_of(all, make_context()), nullptr);
}

TEST_F(Attempts, AreToldWhereTheyGoAndMayAddHeadersButNotChangeThem) {
    auto layer = called("headers");
    std::string seen;
    layer->before = [&seen](attempt_context& a) -> result<void> {
        seen = std::string(a.pool) + " " + std::string(a.provider) + " " + std::string(a.model) + " " +
               std::to_string(a.number);
        a.headers.add("X-Own", "1");
        a.headers.add("Authorization", "mine");
        return {};
    };
    http::headers headers;
    headers.add("authorization", "Bearer key");
    ASSERT_TRUE(begin({layer}, headers));
    EXPECT_EQ(seen, "pool provider provider.model 2");
    EXPECT_EQ(headers.get("X-Own"), "1");
    EXPECT_EQ(headers.get("Authorization"), "Bearer key");
    EXPECT_EQ(headers.size(), 2U);
}

TEST_F(Attempts, ARefusalIsTheCallsError) {
    auto layer = called("guard");
    layer->before = [](attempt_context&) -> result<void> { return fault(errc::permission, "not there"); };
    http::headers headers;
    EXPECT_EQ(begin({layer}, headers).error().kind(), errc::permission);
}

TEST_F(Attempts, AThrowingHookIsSkippedOrClosesTheCall) {
    for (const hook_failure when : {hook_failure::fail_open, hook_failure::fail_closed}) {
        auto layer = called("broken", when);
        layer->before = [](attempt_context&) -> result<void> { throw std::runtime_error("oops"); };
        layer->after = [](attempt_context&, const fault*) { throw std::runtime_error("oops"); };
        http::headers headers;
        const result<void> begun = begin({layer}, headers);
        EXPECT_EQ(begun.has_value(), when == hook_failure::fail_open);
        hooks->end({"pool", "provider", "provider.model", 2}, nullptr);
    }
    EXPECT_EQ(log.lines().size(), 4U);
}

} // namespace
} // namespace modelmesh::testing
