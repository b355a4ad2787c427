// Answers that are C++ values: the schema goes out, the value comes back, and what is no value is a typed error.
#include "fixture.hpp"
#include "support/scripted_server.hpp"

#include <gmock/gmock.h>

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
        const std::string body =
            R"({"id":"1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":)" +
            message + R"(,"finish_reason":")" + finish + R"("}]})";
        server.add(script().read_request().send(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
            std::to_string(body.size()) + "\r\n\r\n" + body));
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

} // namespace
} // namespace modelmesh::testing
