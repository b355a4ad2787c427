// The whole library against simulated providers over real sockets, plain and TLS, on both I/O engines.
#include "fixture.hpp"
#include "support/scripted_server.hpp"

#include <modelmesh/api/embeddings.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <cctype>

namespace modelmesh::testing {
namespace {

namespace asio = boost::asio;

class Client : public ClientFixture {};
INSTANTIATE_TEST_SUITE_P(Engines, Client, ::testing::Values("uring", "epoll"),
                         [](const auto& which) { return std::string(which.param); });

TEST_P(Client, AnswersOverTlsAndSaysWhoServed) {
    simulator& alpha = start("alpha", R"({"rules":[{"text":"two words"}]})", true);
    const auto reply = run(ask_once(create(settings), question()));
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(reply->text(), "two words");
    ASSERT_TRUE(reply->x_modelmesh);
    EXPECT_EQ(reply->x_modelmesh->model, "alpha.alpha-model");
    EXPECT_EQ(reply->x_modelmesh->provider, "alpha");
    EXPECT_EQ(reply->x_modelmesh->pool, "chat-completion");
    EXPECT_EQ(reply->x_modelmesh->attempts, 1);
    EXPECT_EQ(reply->x_modelmesh->engine, GetParam());
    ASSERT_EQ(alpha.requests().size(), 1u);
    const recorded_request sent = alpha.requests().front();
    EXPECT_EQ(sent.method, "POST");
    EXPECT_EQ(sent.target, "/v1/chat/completions");
    EXPECT_EQ(sent.header("Authorization"), "Bearer secret-key");
    EXPECT_EQ(sent.body, R"({"model":"alpha-model","messages":[{"role":"user","content":"hello"}]})");
}

TEST_P(Client, StreamsTokenByToken) {
    for (const bool tls : {false, true}) {
        settings = config();
        simulator& alpha = start("alpha", R"({"rules":[{"text":"one two three"}]})", tls);
        EXPECT_EQ(run(stream_text(create(settings), question())).value(), "one two three");
        EXPECT_NE(
            alpha.requests().front().body.find(R"("stream":true,"stream_options":{"include_usage":true})"),
            std::string::npos);
    }
}

TEST_P(Client, TheNextProviderTakesOverWhenTheFirstIsKilled) {
    simulator& alpha = start("alpha", {}, true);
    start("beta", {}, true);
    client c = create(settings);
    const auto before = run(ask_once(c, question()));
    ASSERT_TRUE(before) << before.error().message;
    EXPECT_EQ(before->x_modelmesh->provider, "alpha");
    alpha.stop();
    const auto after = run(ask_once(c, question()));
    ASSERT_TRUE(after) << after.error().message;
    EXPECT_EQ(after->x_modelmesh->provider, "beta");
    EXPECT_EQ(after->x_modelmesh->attempts, 2);
    EXPECT_EQ(run(ask_once(c, question()))->x_modelmesh->attempts, 1) << "the pool has moved on";
}

TEST_P(Client, AProviderKilledWhileItsConnectionIsPooledIsReplaced) {
    simulator& alpha = start("alpha");
    start("beta");
    // One loop for both requests, so that the second finds the first one's connection.
    struct script {
        static task<int> both(client c, chat::request request, simulator* first) {
            auto before = co_await c.chat.completions.create(request);
            first->stop();
            auto after = co_await c.chat.completions.create(request);
            co_return before.x_modelmesh->attempts * 10 + after.x_modelmesh->attempts;
        }
    };
    EXPECT_EQ(run(script::both(create(settings), question(), &alpha)), 12);
}

TEST_P(Client, ConnectionsAreReused) {
    start("alpha");
    struct script {
        static task<std::size_t> many(client c, chat::request request, simulator* server) {
            for (int i = 0; i < 5; ++i) (void)co_await c.chat.completions.create(request);
            for (int i = 0; i < 5; ++i) {
                auto stream = co_await c.chat.completions.stream(request);
                while (auto chunk = co_await stream.next()) {
                }
            }
            co_return server->connections();
        }
    };
    simulator& beta = start("beta");
    settings.providers.erase(settings.providers.begin());
    EXPECT_EQ(run(script::many(create(settings), question(), &beta)), 1u);
}

TEST_P(Client, AStreamThatBreaksBeforeItsFirstWordIsServedByTheNext) {
    for (const char* script :
         {R"({"rules":[{"cut":{"after_events":0}}]})", R"({"rules":[{"cut":{"after_events":1}}]})",
          R"({"rules":[{"cut":{"after_events":1,"how":"fin"}}]})", R"({"rules":[{"status":503}]})",
          R"({"rules":[{"status":429,"retry_after":{"in_ms":2000}}]})",
          R"({"rules":[{"error_after_events":1}]})", R"({"rules":[{"malformed":"head"}]})",
          R"({"rules":[{"malformed":"json"}]})"}) {
        settings = config();
        start("alpha", script);
        start("beta", R"({"rules":[{"text":"from beta"}]})");
        const auto text = run(stream_text(create(settings), question()));
        ASSERT_TRUE(text) << script << ": " << text.error().message;
        EXPECT_EQ(*text, "from beta") << script;
    }
}

TEST_P(Client, AStreamThatBreaksLaterIsAnErrorAndNotRepeated) {
    for (const char* script :
         {R"({"rules":[{"text":"one two three","cut":{"after_events":3}}]})",
          R"({"rules":[{"text":"one two three","cut":{"after_events":3,"how":"fin"}}]})",
          R"({"rules":[{"text":"one two three","cut":{"after_events":3,"how":"close"}}]})",
          R"({"rules":[{"text":"one two three","error_after_events":3}]})"}) {
        settings = config();
        start("alpha", script);
        simulator& beta = start("beta");
        const auto text = run(stream_text(create(settings), question()));
        ASSERT_FALSE(text) << script << " gave " << *text;
        EXPECT_EQ(text.error().message.find("one"), 0u) << script << ": " << text.error().message;
        EXPECT_EQ(text.error().model, "alpha.alpha-model") << script;
        EXPECT_TRUE(beta.requests().empty()) << script;
    }
}

TEST_P(Client, AChunkOfTheWrongShapeEndsTheStreamForGood) {
    const std::string events =
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"one\"}}]}\n\n"
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":{\"no\":\"text\"}}}]}\n\n"
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"two\"}}]}\n\n"
        "data: [DONE]\n\n";
    support::scripted_server server(support::scripted_server::transport::plain);
    server.add(support::script()
                   .read_request()
                   .send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: " +
                         std::to_string(events.size()) + "\r\n\r\n" + events)
                   .discard_rest());
    provider_config provider;
    provider.connector = "openai.llm.v1";
    provider.base_url = "http://127.0.0.1:" + std::to_string(server.port());
    provider.api_key = "secret-key";
    provider.models = {"m"};
    settings.providers.emplace_back("scripted", provider);
    struct reading {
        static task<std::vector<std::string>> all(client c, chat::request request) {
            std::vector<std::string> seen;
            auto stream = co_await c.chat.completions.stream(request);
            for (int i = 0; i < 3; ++i) {
                auto chunk = co_await stream.try_read();
                if (!chunk)
                    seen.push_back("fault: " + chunk.error().message);
                else
                    seen.push_back(*chunk ? std::string((*chunk)->text()) : "end");
            }
            co_return seen;
        }
    };
    const std::vector<std::string> seen = run(reading::all(create(settings), question()));
    ASSERT_EQ(seen.size(), 3u);
    EXPECT_EQ(seen[0], "one");
    EXPECT_NE(seen[1].find("/choices/0/delta/content"), std::string::npos) << seen[1];
    EXPECT_EQ(seen[2], seen[1]); // not "two": what came between is lost
    EXPECT_EQ(server.finish(), std::vector<std::string>{});
}

// The simulator's answer to a request, byte for byte: head and body.
std::string raw_answer(std::uint16_t port, const std::string& body) {
    asio::io_context loop;
    asio::ip::tcp::socket socket(loop);
    socket.connect({asio::ip::address_v4::loopback(), port});
    asio::write(socket, asio::buffer("POST /v1/chat/completions HTTP/1.1\r\nHost: test\r\nContent-Length: " +
                                     std::to_string(body.size()) +
                                     "\r\nAuthorization: Bearer secret-key\r\n\r\n" + body));
    std::string answer;
    const auto is_whole = [&answer] {
        const std::size_t head = answer.find("\r\n\r\n");
        if (head == std::string::npos) return false;
        const std::string_view name = "content-length: ";
        const auto same = [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; };
        const auto at = std::search(answer.begin(), answer.end(), name.begin(), name.end(), same);
        if (at == answer.end()) return answer.ends_with("\r\n0\r\n\r\n");
        const std::string length(at + static_cast<std::ptrdiff_t>(name.size()), answer.end());
        return answer.size() == head + 4 + std::stoul(length);
    };
    while (!is_whole()) {
        char more[4096];
        answer.append(more, socket.read_some(asio::buffer(more)));
    }
    return answer;
}

// A script whose answers are cut one after the other, each `step` bytes later than the one before.
std::string cut_script(std::size_t length, std::size_t step) {
    std::string script = R"({"rules":[)";
    for (std::size_t cut = 0; cut < length; cut += step)
        script += (cut == 0 ? "" : ",") + std::string(R"({"text":"x y","cut":{"how":"fin","after_bytes":)") +
                  std::to_string(cut) + "}}";
    return script + "]}";
}

class CutAnswers : public Client {
protected:
    // Every byte on one engine: what notices the cut is the same on both.
    std::size_t step() const { return GetParam() == std::string_view("epoll") ? 1 : 7; }

    // The uncut answer to the question.
    std::string uncut(bool stream) {
        simulator& whole = start("whole", R"({"rules":[{"times":"always","text":"x y"}]})");
        if (stream) {
            EXPECT_EQ(run(stream_text(create(settings), question())).value(), "x y");
        } else {
            EXPECT_EQ(run(ask_once(create(settings), question()))->text(), "x y");
        }
        settings = config();
        return raw_answer(whole.port(), whole.requests().front().body);
    }
};
INSTANTIATE_TEST_SUITE_P(Engines, CutAnswers, ::testing::Values("uring", "epoll"),
                         [](const auto& which) { return std::string(which.param); });

TEST_P(CutAnswers, AReplyCutAtAnyByteIsServedByTheNext) {
    const std::size_t length = uncut(false).size();
    ASSERT_GT(length, 300u);
    start("alpha", cut_script(length, step()));
    start("beta", R"({"rules":[{"times":"always","text":"from beta"}]})");
    for (std::size_t cut = 0; cut < length; cut += step()) {
        const auto reply = run(ask_once(create(settings), question()));
        ASSERT_TRUE(reply) << "cut at " << cut << ": " << reply.error().message;
        ASSERT_EQ(reply->text(), "from beta") << "cut at " << cut;
    }
}

TEST_P(CutAnswers, AStreamCutAtAnyByteIsServedByTheNextOrFails) {
    const std::string whole = uncut(true);
    const std::size_t length = whole.find("[DONE]") + 6; // behind it comes only the end of the body
    ASSERT_GT(length, 300u);
    ASSERT_LT(length, whole.size());
    start("alpha", cut_script(length, step()));
    start("beta", R"({"rules":[{"times":"always","text":"from beta"}]})");
    std::size_t failed = 0;
    for (std::size_t cut = 0; cut < length; cut += step()) {
        const auto text = run(stream_text(create(settings), question()));
        if (text) {
            ASSERT_EQ(*text, "from beta") << "cut at " << cut;
            ASSERT_EQ(failed, 0u) << "cut at " << cut << ": who has seen a word gets no second answer";
        } else {
            ++failed;
        }
    }
    EXPECT_GT(failed, 0u);
}

TEST_P(Client, TheCallersFaultComesBackAsItIs) {
    start("alpha", R"({"rules":[{"status":400,"error":{"message":"no such thing","param":"n"}}]})");
    simulator& beta = start("beta");
    const auto reply = run(ask_once(create(settings), question()));
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code(), errc::bad_request);
    EXPECT_EQ(reply.error().message, "no such thing");
    EXPECT_EQ(reply.error().param, "n");
    EXPECT_TRUE(beta.requests().empty());
}

TEST_P(Client, WhenAllFailEveryAttemptIsListedAndNoSecretIsTold) {
    start("alpha", R"({"rules":[{"status":401}]})");
    start("beta", R"({"rules":[{"status":503}]})");
    ask_each_once();
    const auto reply = run(ask_once(create(settings), question()));
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code(), errc::exhausted);
    ASSERT_EQ(reply.error().attempts.size(), 2u);
    EXPECT_EQ(reply.error().attempts[0].http_status, 401);
    EXPECT_EQ(reply.error().attempts[1].http_status, 503);
    const std::string text = error(reply.error()).what();
    EXPECT_EQ(text.find("secret-key"), std::string::npos) << text;
    EXPECT_EQ(text.find("hello"), std::string::npos) << text;
}

TEST_P(Client, ASoleModelIsAskedAgainAfterAFailureThatPasses) {
    start("alpha", R"({"rules":[{"times":2,"status":500},{"text":"fine"}]})");
    ask_each_once();
    settings.pools.front().second.retry = {};
    settings.pools.front().second.retry.initial_delay = std::chrono::milliseconds(1);
    const auto reply = run(ask_once(create(settings), question()));
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(reply->text(), "fine");
    EXPECT_EQ(reply->x_modelmesh->attempts, 3);
}

TEST_P(Client, ASoleModelIsAskedAgainWhenItsRateLimitIsOver) {
    for (const bool is_stream : {false, true}) {
        settings = config();
        simulator& alpha = start(
            "alpha", R"({"rules":[{"times":1,"status":429,"retry_after":{"in_ms":20}},{"text":"fine"}]})");
        if (is_stream) {
            EXPECT_EQ(run(stream_text(create(settings), question())).value(), "fine");
        } else {
            EXPECT_EQ(run(ask_once(create(settings), question()))->text(), "fine");
        }
        EXPECT_EQ(alpha.requests().size(), 2u);
    }
}

TEST_P(Client, WhatIsWrongWithRetriesIsToldWhenTheClientIsMade) {
    start("alpha");
    ask_each_once();
    pool_config& pool = settings.pools.front().second;
    pool.retry.max_attempts = 0;
    pool.retry.max_delay = std::chrono::milliseconds(1);
    pool.retry.retryable_codes = {409, 200};
    pool.retry.non_retryable_codes = {409};
    pool.provider_outage.models = 0;
    try {
        (void)create(settings);
        FAIL();
    } catch (const error& e) {
        EXPECT_EQ(
            e.info().message,
            "pool 'chat-completion': retry.max_attempts must be at least 1\n"
            "pool 'chat-completion': retry.max_delay must not be shorter than retry.initial_delay\n"
            "pool 'chat-completion': retry.retryable_codes: 200 is no HTTP status of a failure, which are "
            "400 to 599\n"
            "pool 'chat-completion': retry: 409 is both in retryable_codes and in non_retryable_codes\n"
            "pool 'chat-completion': provider_outage.models must be between 1 and 64");
    }
}

TEST_P(Client, ABrokenDocumentIsServedByTheNext) {
    for (const char* script : {R"({"rules":[{"malformed":"json"}]})", R"({"rules":[{"malformed":"head"}]})",
                               R"({"rules":[{"content_length_off_by":-5}]})"}) {
        settings = config();
        start("alpha", script);
        start("beta", R"({"rules":[{"text":"from beta"}]})");
        const auto reply = run(ask_once(create(settings), question()));
        ASSERT_TRUE(reply) << script << ": " << reply.error().message;
        EXPECT_EQ(reply->text(), "from beta") << script;
    }
}

TEST_P(Client, AHungProviderDoesNotKeepThePoolOfCallersInAHurry) {
    start("hung", R"({"rules":[{"times":"always","latency_ms":3600000}]})");
    start("healthy");
    client c = create(settings);
    struct script {
        static task<result<chat::reply>> whole(client c, chat::request request) {
            call_options options;
            options.timeout(std::chrono::seconds(2));
            co_return co_await c.chat.completions.try_create(request, options);
        }
        static task<result<modelmesh::route>> streamed(client c, chat::request request) {
            call_options options;
            options.timeout(std::chrono::seconds(2));
            auto opened = co_await c.chat.completions.try_stream(request, options);
            if (!opened) co_return opened.error();
            co_return opened->route();
        }
    };
    const auto first = run(script::whole(c, question()));
    ASSERT_TRUE(first) << first.error().message;
    EXPECT_EQ(first->x_modelmesh->provider, "healthy");
    EXPECT_EQ(first->x_modelmesh->attempts, 2);
    EXPECT_EQ(run(script::whole(c, question()))->x_modelmesh->attempts, 1) << "the pool has moved on";
    const auto stream = run(script::streamed(create(settings), question()));
    ASSERT_TRUE(stream) << stream.error().message;
    EXPECT_EQ(stream->provider, "healthy");
}

TEST_P(Client, ADeadlineEndsAHangingCall) {
    start("alpha", R"({"rules":[{"times":"always","latency_ms":60000}]})");
    struct script {
        static task<result<chat::reply>> go(client c, chat::request request) {
            call_options options;
            options.timeout(std::chrono::milliseconds(50));
            co_return co_await c.chat.completions.try_create(request, options);
        }
    };
    const auto reply = run(script::go(create(settings), question()));
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code(), std::errc::timed_out);
}

TEST_P(Client, CancellationEndsACallAndTheNextOneWorks) {
    start("alpha", R"({"rules":[{"latency_ms":60000}]})");
    client c = create(settings);
    asio::io_context loop{1};
    asio::cancellation_signal stop;
    std::optional<result<chat::reply>> got;
    asio::co_spawn(
        loop, ask_once(c, question()),
        asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr e, result<chat::reply> r) {
            if (!e) got = std::move(r);
        }));
    asio::steady_timer timer(loop, std::chrono::milliseconds(50));
    timer.async_wait([&](auto) { stop.emit(asio::cancellation_type::terminal); });
    loop.run();
    ASSERT_TRUE(got);
    ASSERT_FALSE(*got);
    EXPECT_EQ(got->error().code(), std::errc::operation_canceled);
    loop.restart();
    std::optional<std::string> text;
    asio::co_spawn(loop, ask_once(c, question()), [&](std::exception_ptr e, result<chat::reply> r) {
        if (!e && r) text = r->text();
    });
    loop.run();
    EXPECT_TRUE(text);
}

TEST_P(Client, DestroyingAStreamAbandonsItAndTheLoopEnds) {
    simulator& alpha = start("alpha", R"({"rules":[{"times":"always","tokens":10000,"pace_ms":20}]})");
    struct script {
        static task<> first_chunk_only(client c, chat::request request) {
            auto stream = co_await c.chat.completions.stream(request);
            (void)co_await stream.next();
        }
    };
    run(script::first_chunk_only(create(settings), question())); // returns: nothing keeps the loop alive
    EXPECT_EQ(alpha.requests().size(), 1u);
}

TEST_P(Client, AWrongCertificateIsRefused) {
    start("alpha", {}, true);
    settings.providers.front().second.tls.ca_pem.clear();
    ask_each_once();
    const auto reply = run(ask_once(create(settings), question()));
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code(), errc::connect);
    ASSERT_EQ(reply.error().attempts.size(), 1u);
    EXPECT_NE(reply.error().attempts[0].message.find("certificate"), std::string::npos)
        << reply.error().attempts[0].message;
}

TEST_P(Client, AskedForAnUnknownNameItSuggests) {
    start("alpha");
    chat::request request = question();
    request.model = "chat-completoin";
    const auto reply = run(ask_once(create(settings), request));
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code(), errc::not_found);
    EXPECT_NE(reply.error().message.find("did you mean 'chat-completion'"), std::string::npos);
}

TEST_P(Client, APoolForSomethingElseIsNotAsked) {
    simulator& alpha = start("alpha");
    client c = create(settings);
    embeddings::request request;
    request.model = "chat-completion";
    request.input = "hello";
    const auto refused = run(c.embeddings.try_create(request));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), errc::bad_request);
    EXPECT_EQ(refused.error().param, "model");
    EXPECT_EQ(refused.error().message,
              "the pool 'chat-completion' is for 'generation.text-generation.chat-completion', and this "
              "request needs 'representation.embeddings.text-embeddings'");
    EXPECT_TRUE(alpha.requests().empty());
    request.model = "alpha-model"; // who names a model is taken at his word
    const auto got = run(c.embeddings.try_create(request));
    EXPECT_TRUE(got) << got.error().message;
}

TEST_P(Client, ModelsAreAskedForWhenNoneAreConfigured) {
    simulator& alpha = start("alpha", R"({"rules":[{"text":"hi"}]})");
    settings.providers.front().second.models.clear();
    client c = create(settings);
    const auto reply = run(ask_once(c, question()));
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(reply->x_modelmesh->model, "alpha.alpha-model");
    EXPECT_EQ(alpha.requests().front().target, "/v1/models");
    EXPECT_NE(c.describe().find("alpha.alpha-model [alpha] (active)"), std::string::npos);
}

TEST_P(Client, AMalformedRawValueIsNamed) {
    start("alpha");
    chat::request request = question();
    request.extra.add("brand_new", "{oops");
    const auto reply = run(ask_once(create(settings), request));
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code(), errc::bad_request);
    EXPECT_EQ(reply.error().param, "brand_new");
    EXPECT_EQ(reply.error().message.find("'brand_new' is no JSON value"), 0u) << reply.error().message;
}

TEST_P(Client, TheChunkOfTotalsIsForReadersThatAskedForIt) {
    start("alpha", R"({"rules":[{"times":"always","text":"x"}]})");
    struct reading {
        static task<std::pair<int, int>> count(client c, chat::request request) {
            auto stream = co_await c.chat.completions.stream(request);
            int chunks = 0;
            int totals = 0;
            while (auto chunk = co_await stream.next()) {
                ++chunks;
                if (chunk->usage() != nullptr) ++totals;
            }
            co_return std::pair<int, int>(chunks, totals);
        }
    };
    chat::request request = question();
    const auto [fewer, none] = run(reading::count(create(settings), request));
    EXPECT_EQ(none, 0);
    request.stream_options.emplace().include_usage = false;
    EXPECT_EQ(run(reading::count(create(settings), request)), std::pair(fewer, none));
    request.stream_options->include_usage = true;
    const auto [all, totals] = run(reading::count(create(settings), request));
    EXPECT_EQ(totals, 1);
    EXPECT_EQ(all, fewer + 1);
}

// Of the first choice, and nothing that is empty.
TEST_P(Client, ATextStreamPassesOverChunksWithoutText) {
    const std::string events =
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n"
        "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"other\"}}]}\n\n"
        "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"x\"}},"
        "{\"index\":0,\"delta\":{\"content\":\"one\"}}]}\n\n"
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":null,\"reasoning_content\":\"hm\"}}]}\n\n"
        ": ping\n\n"
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\" two\\n\"}}]}\n\n"
        "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
        "data: {\"choices\":[],\"usage\":{\"total_tokens\":2}}\n\n";
    struct reading {
        static task<std::vector<std::string>> all(client c, chat::request request) {
            std::vector<std::string> seen;
            auto stream = co_await c.chat.completions.stream(request);
            for (;;) {
                const auto text = co_await stream.try_read_text();
                if (!text) seen.push_back(text.error().kind() == errc::protocol ? "protocol" : "other fault");
                if (!text || !*text) co_return seen;
                seen.emplace_back(**text);
            }
        }
    };
    for (const bool is_whole : {true, false}) {
        const std::string sent = events + (is_whole ? "data: [DONE]\n\n" : "");
        support::scripted_server server(support::scripted_server::transport::plain);
        server.add(support::script()
                       .read_request()
                       .send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: " +
                             std::to_string(sent.size()) + "\r\n\r\n" + sent)
                       .discard_rest());
        provider_config provider;
        provider.connector = "openai.llm.v1";
        provider.base_url = "http://127.0.0.1:" + std::to_string(server.port());
        provider.models = {"m"};
        settings.providers.assign({{"scripted", provider}});
        std::vector<std::string> want{"one", " two\n"};
        if (!is_whole) want.push_back("protocol");
        EXPECT_EQ(run(reading::all(create(settings), question())), want);
        EXPECT_EQ(server.finish(), std::vector<std::string>{});
    }
}

TEST_P(Client, OddMetadataDoesNotDiscardAGoodAnswer) {
    const std::string body = R"({"id":null,"created":1.5,"model":null,"choices":[{"index":null,"message":)"
                             R"({"role":"assistant","content":"fine"}}],"usage":{"prompt_tokens":null}})";
    const std::string events = "data: {\"id\":null,\"created\":1.5,\"choices\":[{\"index\":null,\"delta\":{"
                               "\"content\":\"fine\"}}]}\n\n"
                               "data: {\"choices\":[{\"delta\":null,\"finish_reason\":\"stop\"}]}\n\n"
                               "data: {\"choices\":null,\"usage\":{\"prompt_tokens\":null}}\n\n"
                               "data: [DONE]\n\n";
    const auto answer = [](const std::string& type, const std::string& text) {
        return support::script()
            .read_request()
            .send("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: " + type +
                  "\r\ncontent-length: " + std::to_string(text.size()) + "\r\n\r\n" + text)
            .discard_rest();
    };
    support::scripted_server server(support::scripted_server::transport::plain);
    server.add(answer("application/json", body));
    server.add(answer("text/event-stream", events));
    provider_config provider;
    provider.connector = "openai.llm.v1";
    provider.base_url = "http://127.0.0.1:" + std::to_string(server.port());
    provider.models = {"m"};
    settings.providers.emplace_back("scripted", provider);
    const auto reply = run(ask_once(create(settings), question()));
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(reply->text(), "fine");
    const auto text = run(stream_text(create(settings), question()));
    ASSERT_TRUE(text) << text.error().message;
    EXPECT_EQ(*text, "fine");
    EXPECT_EQ(server.finish(), std::vector<std::string>{});
}

TEST_P(Client, AModelWhoseTimeOutIsOverIsShownAsActive) {
    start("alpha", R"({"rules":[{"times":2,"status":500}]})");
    pool_config pool;
    pool.capability = "chat-completion";
    pool.failure_threshold = 1;
    pool.cooldown_seconds = 3600;
    settings.pools.emplace_back("slow", pool);
    pool.cooldown_seconds = 0;
    settings.pools.emplace_back("quick", pool);
    client c = create(settings);
    for (const char* name : {"slow", "quick"}) {
        chat::request request = question();
        request.model = name;
        (void)run(ask_once(c, request));
    }
    const std::string text = c.describe();
    EXPECT_NE(text.find("(standby)"), std::string::npos) << text;
    EXPECT_NE(text.find("(active)", text.find("\"quick\"")), std::string::npos) << text;
}

TEST_P(Client, OfABroadPoolOnlyTheModelsAreAskedThatCanDoIt) {
    start("alpha");
    settings.providers[0].second.models = {"tts-1", "alpha-model", "text-embedding-3-small"};
    settings.pools.clear();
    pool_config pool;
    pool.capability = "generation";
    settings.pools.emplace_back("all", pool);
    client c = create(settings);
    chat::request request = question();
    request.model = "all";
    const chat::reply reply = run(ask_once(c, request)).value();
    EXPECT_EQ(reply.x_modelmesh->model, "alpha.alpha-model");
    EXPECT_EQ(reply.x_modelmesh->attempts, 1);
    settings.providers[0].second.models = {"tts-1"};
    client speaking = create(settings);
    const result<chat::reply> refused = run(ask_once(speaking, request));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), errc::bad_request);
    EXPECT_EQ(refused.error().message, "no model of the pool 'all' that the call may ask has "
                                       "'generation.text-generation.chat-completion'");
}

TEST_P(Client, SaysWhatCanBeAskedFor) {
    start("alpha");
    pool_config pool;
    pool.capability = "text-generation";
    settings.pools.emplace_back("texts", pool);
    client c = create(settings);
    bool found = false;
    for (const capability::offer& each : c.capabilities()) {
        if (each.node.path != "generation.text-generation.chat-completion") continue;
        found = true;
        EXPECT_EQ(each.pool, "texts");
        EXPECT_EQ(each.models, 1u);
    }
    EXPECT_TRUE(found);
}

TEST_P(Client, EmptyRequestsAreRefusedAtOnce) {
    start("alpha");
    client c = create(settings);
    chat::request request;
    EXPECT_THROW((void)c.chat.completions.create(request), std::invalid_argument);
    request.model = "chat-completion";
    EXPECT_THROW((void)c.chat.completions.create(request), std::invalid_argument);
}

} // namespace
} // namespace modelmesh::testing
