// Answers that are C++ values: the schema goes out, the value comes back, and what is no value is a typed error.
#include "fixture.hpp"
#include "support/scripted_server.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

namespace modelmesh::testing {
namespace {

using support::script;
using support::scripted_server;
using ::testing::HasSubstr;
using ::testing::StartsWith;

struct stop {
    std::string city{};
    std::optional<int> nights{};
};

struct journey {
    std::vector<stop> stops{};
    double price = 0;
    static constexpr std::string_view json_name = "journey";
    static constexpr std::string_view json_description = "A journey";
    static constexpr json::field_rule json_fields[] = {json::about("price", "in euros"),
                                                       json::range("price", 0, 9999)};
};

std::string quoted(const std::string& text) {
    std::string json;
    json::append_string(json, text);
    return json;
}

class ClientParse : public ClientFixture {
protected:
    /// The answer is this message, and ends like this.
    void answer_with(const std::string& message, const std::string& finish = "stop") {
        send(
            "application/json",
            R"({"id":"1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":)" +
                message + R"(,"finish_reason":")" + finish + R"("}]})");
    }
    void send(const std::string& type, const std::string& body) {
        server.add(script().read_request().send("HTTP/1.1 200 OK\r\nContent-Type: " + type +
                                                "\r\nContent-Length: " + std::to_string(body.size()) +
                                                "\r\n\r\n" + body));
        provider_config provider;
        provider.connector = "openai.llm.v1";
        provider.base_url = "http://127.0.0.1:" + std::to_string(server.port());
        provider.api_key = "secret-key";
        provider.models = {"m"};
        provider.proxy = "none";
        settings.providers.assign({{"alpha", provider}});
    }
    void answer_text(const std::string& text, const std::string& finish = "stop") {
        answer_with(R"({"role":"assistant","content":)" + quoted(text) + "}", finish);
    }
    /// The answer is these deltas, one a chunk, and ends like this.
    void stream_deltas(const std::vector<std::string>& deltas, const std::string& finish = "stop") {
        std::string events;
        const auto add = [&](const std::string& delta, const std::string& reason) {
            events += R"(data: {"id":"1","created":1,"model":"m","choices":[{"index":0,"delta":)" + delta +
                      R"(,"finish_reason":)" + reason + "}]}\n\n";
        };
        for (const std::string& delta : deltas) add(delta, "null");
        add("{}", quoted(finish));
        events += "data: {\"choices\":[],\"usage\":{\"total_tokens\":9}}\n\ndata: [DONE]\n\n";
        send("text/event-stream", events);
    }
    /// The answer is this text, cut behind every bar.
    void stream_text(const std::string& text, const std::string& finish = "stop") {
        std::vector<std::string> deltas{R"({"role":"assistant","content":""})"};
        for (std::size_t at = 0; at <= text.size();) {
            const std::size_t bar = std::min(text.find('|', at), text.size());
            deltas.push_back(R"({"content":)" + quoted(text.substr(at, bar - at)) + "}");
            at = bar + 1;
        }
        stream_deltas(deltas, finish);
    }
    /// What the answer looks like each time that more of it has come, and how it ends.
    struct filling {
        std::vector<std::string> steps;
        std::string failure;
        std::optional<chat::parsed<journey>> whole;
    };
    static task<filling> fill(client c, chat::request asked) {
        filling seen;
        auto opened = co_await c.chat.completions.try_parse_stream<journey>(asked);
        if (!opened) {
            seen.failure = opened.error().message;
            co_return seen;
        }
        for (;;) {
            const result<const journey*> so_far = co_await opened->try_read();
            if (!so_far) {
                seen.failure = so_far.error().message;
                co_return seen;
            }
            if (*so_far == nullptr) break;
            seen.steps.push_back(json::write(**so_far));
        }
        result<chat::parsed<journey>> whole = co_await opened->try_finish();
        if (whole)
            seen.whole = std::move(*whole);
        else
            seen.failure = whole.error().message;
        co_return seen;
    }
    filling fill() { return run(fill(create(settings), question())); }
    result<chat::parsed<journey>> parse() {
        client c = create(settings);
        const chat::request asked = question();
        return run(c.chat.completions.try_parse<journey>(asked));
    }
    fault failure() {
        const result<chat::parsed<journey>> got = parse();
        return got ? fault(errc::internal, "no failure") : got.error();
    }

    scripted_server server{scripted_server::transport::plain};
};
INSTANTIATE_TEST_SUITE_P(Engines, ClientParse, ::testing::Values("uring", "epoll"),
                         [](const auto& which) { return std::string(which.param); });

TEST_P(ClientParse, TheSchemaGoesOutAndTheValueComesBack) {
    answer_text(R"({"stops":[{"city":"Zürich","nights":null},{"city":"Bern","nights":2}],"price":12.5})");
    const result<chat::parsed<journey>> got = parse();
    ASSERT_TRUE(got) << got.error().message;
    ASSERT_EQ(got->value.stops.size(), 2u);
    EXPECT_EQ(got->value.stops[0].city, "Zürich");
    EXPECT_FALSE(got->value.stops[0].nights);
    EXPECT_EQ(got->value.stops[1].nights, 2);
    EXPECT_EQ(got->value.price, 12.5);
    EXPECT_EQ(got->reply.model, "m");
    EXPECT_THAT(
        server.requests().at(0),
        HasSubstr(
            R"("response_format":{"type":"json_schema","json_schema":{"name":"journey","schema":{"type":"object",)"
            R"("description":"A journey","properties":{"stops":{"type":"array","items":{"type":"object","properties":)"
            R"({"city":{"type":"string"},"nights":{"anyOf":[{"type":"integer"},{"type":"null"}]}},"required":["city",)"
            R"("nights"],"additionalProperties":false}},"price":{"type":"number","description":"in euros","minimum":0,)"
            R"("maximum":9999}},"required":["stops","price"],"additionalProperties":false},"strict":true}})"));
}

TEST_P(ClientParse, ARefusalSaysWhy) {
    answer_with(R"({"role":"assistant","content":null,"refusal":"I will not."})");
    const fault why = failure();
    EXPECT_EQ(why.kind(), errc::content_filter);
    EXPECT_EQ(why.message, "parse: the model refused: I will not.");
}

TEST_P(ClientParse, AnAnswerCutOffNamesTheLimit) {
    answer_text(R"({"stops":[{"ci)", "length");
    const fault why = failure();
    EXPECT_EQ(why.kind(), errc::protocol);
    EXPECT_EQ(why.param, "max_completion_tokens");
}

TEST_P(ClientParse, AnAnswerThatDoesNotFitIsAnErrorWithItsPlace) {
    for (const auto& [text, place] :
         {std::pair<const char*, const char*>{R"({"stops":[{"city":1}],"price":1})", "/stops/0/city"},
          {R"({"stops":[]})", "member 'price' is missing"},
          {R"({"stops":[],"price":10000})", "/price"},
          {"Sure! Here it is:", "the top"}}) {
        answer_text(text);
        const fault why = failure();
        EXPECT_EQ(why.kind(), errc::protocol) << text;
        EXPECT_THAT(why.message, StartsWith("parse: the answer does not fit its schema: ")) << text;
        EXPECT_THAT(why.message, HasSubstr(place)) << text;
    }
}

TEST_P(ClientParse, AStreamShowsTheValueWhileItFills) {
    stream_text(
        R"({"stops":[{"ci|ty":"Z|ü|rich","nights":nu|ll},{"city":"Be\u00|e9rn","nights":1|2}],"price":1|2.5|})");
    const filling seen = fill();
    EXPECT_EQ(seen.failure, "");
    const std::vector<std::string> want{
        R"({"stops":[{"city":""}],"price":0})",
        R"({"stops":[{"city":"Z"}],"price":0})",
        R"({"stops":[{"city":"Zü"}],"price":0})",
        R"({"stops":[{"city":"Zürich"}],"price":0})",
        R"({"stops":[{"city":"Zürich"},{"city":"Be"}],"price":0})",
        R"({"stops":[{"city":"Zürich"},{"city":"Beérn"}],"price":0})",
        R"({"stops":[{"city":"Zürich"},{"city":"Beérn","nights":12}],"price":0})",
        R"({"stops":[{"city":"Zürich"},{"city":"Beérn","nights":12}],"price":12.5})",
    };
    EXPECT_EQ(seen.steps, want);
    ASSERT_TRUE(seen.whole);
    EXPECT_EQ(json::write(seen.whole->value), want.back());
    EXPECT_EQ(seen.whole->reply.model, "m");
    EXPECT_EQ(seen.whole->reply.usage->total_tokens, 9);
    EXPECT_EQ(seen.whole->reply.x_modelmesh->provider, "alpha");
    const std::string sent = server.requests().at(0);
    EXPECT_THAT(sent,
                HasSubstr(R"("response_format":{"type":"json_schema","json_schema":{"name":"journey",)"));
    EXPECT_THAT(sent, HasSubstr(R"("stream":true)"));
}

TEST_P(ClientParse, AStreamThatNobodyLooksAtIsReadToItsEnd) {
    struct reading {
        static task<chat::parsed<journey>> finish(client c, chat::request asked) {
            auto stream = co_await c.chat.completions.parse_stream<journey>(asked);
            EXPECT_EQ(stream.route().provider, "alpha");
            (void)co_await stream.next();
            co_return co_await stream.finish();
        }
    };
    stream_text(R"({"st|ops":[{"city":"Bern","nights":2}],|"price":1})");
    const chat::parsed<journey> whole = run(reading::finish(create(settings), question()));
    EXPECT_EQ(whole.value.stops.at(0).nights, 2);
    EXPECT_EQ(whole.reply.text(), R"({"stops":[{"city":"Bern","nights":2}],"price":1})");
}

TEST_P(ClientParse, AStreamEndsWithTheErrorsOfAWholeAnswer) {
    stream_deltas({R"({"role":"assistant","content":null,"refusal":"I will"})", R"({"refusal":" not."})"});
    filling seen = fill();
    EXPECT_EQ(seen.steps.size(), 0u);
    EXPECT_EQ(seen.failure, "parse: the model refused: I will not.");

    stream_text(R"({"stops":[{"ci|ty":"B|e)", "length");
    seen = fill();
    EXPECT_EQ(seen.steps.back(), R"({"stops":[{"city":"Be"}],"price":0})");
    EXPECT_THAT(seen.failure, StartsWith("parse: the answer was cut off at the limit of tokens"));

    stream_text(R"({"stops":[]|})");
    seen = fill();
    EXPECT_THAT(seen.failure, HasSubstr("member 'price' is missing"));
}

TEST_P(ClientParse, AStreamFailsAsSoonAsItDoesNotFit) {
    for (const auto& [text, place] : {std::pair<const char*, const char*>{
                                          R"({"stops":[{"city":1,|"nights":2}],"price":1})", "/stops/0/city"},
                                      {R"({"price":10000,|"stops":[]})", "/price"},
                                      {"Sure!| Here it is:", "the top"}}) {
        stream_text(text);
        const filling seen = fill();
        EXPECT_EQ(seen.steps.size(), 0u) << text;
        EXPECT_FALSE(seen.whole) << text;
        EXPECT_THAT(seen.failure, StartsWith("parse: the answer does not fit its schema: ")) << text;
        EXPECT_THAT(seen.failure, HasSubstr(place)) << text;
    }
}

} // namespace
} // namespace modelmesh::testing
