// The small ones: correlation, redaction, request log.
#include "fixture.hpp"
#include "middleware/attempts.hpp"

#include <modelmesh/middleware/correlation.hpp>
#include <modelmesh/middleware/redaction.hpp>
#include <modelmesh/middleware/request_log.hpp>

#include <stdexcept>

namespace modelmesh::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

using Correlation = MiddlewareFixture;

http::headers sent(const std::shared_ptr<middleware>& by, std::shared_ptr<request_context> c,
                   std::string_view provider) {
    http::headers headers;
    const auto all = std::make_shared<const detail::onion>(std::vector{by}, nullptr);
    if (const auto hooks = detail::attempts_of(all, std::move(c)))
        (void)hooks->begin({"pool", provider, "model", 1}, headers);
    return headers;
}

TEST_F(Correlation, IsTheRequestsIdOrTheCallers) {
    const auto by = make_correlation();
    auto context = make_context();
    ASSERT_TRUE(call({by}, context));
    EXPECT_EQ(context->metadata.at("correlation_id"), context->request_id());
    EXPECT_EQ(sent(by, context, "openai").get("x-correlation-id"), context->request_id());
    context = make_context();
    context->metadata["correlation_id"] = "order-7";
    ASSERT_TRUE(call({by}, context));
    EXPECT_EQ(sent(by, context, "openai").get("x-correlation-id"), "order-7");
}

TEST_F(Correlation, IsSentWhereTheOptionsSay) {
    correlation_options options;
    options.header = "X-Trace";
    options.providers = {"openai"};
    const auto by = make_correlation(options);
    const auto context = make_context();
    ASSERT_TRUE(call({by}, context));
    EXPECT_EQ(sent(by, context, "openai").get("X-Trace"), context->request_id());
    EXPECT_EQ(sent(by, context, "other").size(), 0U);
    options.send = false;
    EXPECT_FALSE(make_correlation(options)->sees_attempts());
    options.header = "X Trace";
    EXPECT_THROW((void)make_correlation(options), std::invalid_argument);
}

TEST_F(Correlation, NothingThatWouldEndAHeaderIsSent) {
    for (const std::string& id : {std::string("a\r\nX: y"), std::string(), std::string(129, 'x')}) {
        const auto context = make_context();
        context->metadata["correlation_id"] = id;
        EXPECT_EQ(call({make_correlation()}, context).error().kind(), errc::bad_request) << id;
    }
}

using Redaction = MiddlewareFixture;

TEST_F(Redaction, NoProviderGetsTheSecrets) {
    const auto by = make_redaction({{"hunter2"}, {"pin"}});
    ASSERT_TRUE(call({by}, make_context(false, R"({"model":"chat","messages":[{"content":"hunter2 it is",)"
                                               R"("pin":"1"}],"metadata":{"password":"x"}})")));
    EXPECT_THAT(reached, ElementsAre(R"({"model":"chat","messages":[{"content":"*** it is","pin":"***"}],)"
                                     R"("metadata":{"password":"***"}})"));
}

TEST_F(Redaction, ARequestThatWouldBeBrokenIsNotSent) {
    const auto by = make_redaction({{R"(":"hi")"}, {}});
    EXPECT_EQ(call({by}).error().kind(), errc::bad_request);
    EXPECT_THAT(reached, IsEmpty());
}

class RequestLog : public MiddlewareFixture {
protected:
    layers at(log_detail level, std::uint64_t max = 4096) {
        request_log_options options;
        options.level = level;
        options.max_payload_size = max;
        redactor secrets;
        secrets.add_secret("hunter2");
        return {make_request_log(log, options, secrets)};
    }
    void SetUp() override {
        mesh = [this](const request_context&) {
            time.advance(std::chrono::milliseconds(12));
            whole_reply reply("{\"text\":\"hunter2 \xc3\xa9\"}");
            reply.route.pool = "chat";
            reply.route.model = "openai.m";
            reply.route.provider = "openai";
            reply.route.attempts = 2;
            reply.route.input_tokens = 3;
            reply.route.output_tokens = 4;
            reply.route.cost_micro_usd = 5;
            return reply;
        };
    }
    const std::string metadata =
        "request.log request_id=0123456789abcdef0123456789abcdef operation=chat_completion "
        "delivery=sync name=chat model=openai.m provider=openai status=ok latency_ms=12";
    const std::string summary = metadata + " pool=chat capability=generation.text-generation.chat-completion "
                                           "attempts=2 input_tokens=3 output_tokens=4 cost_micro_usd=5";
};

TEST_F(RequestLog, TellsAsMuchAsTheLevelSays) {
    call(at(log_detail::metadata)).value();
    call(at(log_detail::summary)).value();
    call(at(log_detail::full)).value();
    EXPECT_THAT(log.lines(), ElementsAre(metadata, summary,
                                         summary + " request_payload=" + asked +
                                             " response_payload={\"text\":\"*** \xc3\xa9\"}"));
}

TEST_F(RequestLog, CutsPayloadsBetweenCharacters) {
    call(at(log_detail::full, 14)).value(); // in the middle of the two bytes
    EXPECT_THAT(log.lines().at(0),
                HasSubstr(" request_payload={\"model\":\"chat... response_payload={\"text\":\"*** ..."));
}

TEST_F(RequestLog, FailuresHaveTheirKindAndTheirTextWithoutSecrets) {
    mesh = [](const request_context&) -> result<whole_reply> {
        return fault(errc::upstream, "hunter2 is wrong");
    };
    EXPECT_FALSE(call(at(log_detail::summary)));
    EXPECT_THAT(log.lines().at(0), HasSubstr(" status=upstream "));
    EXPECT_THAT(log.lines().at(0), HasSubstr(" error=*** is wrong"));
}

TEST_F(RequestLog, StreamsAreToldWhenTheyEnd) {
    auto opened = open(at(log_detail::full)).value();
    EXPECT_THAT(log.lines(), IsEmpty());
    read(*opened);
    EXPECT_THAT(log.lines().at(0), HasSubstr(" delivery=stream "));
    EXPECT_THAT(log.lines().at(0), HasSubstr(" response_payload=a\nb"));
    open(at(log_detail::metadata))->reset();
    EXPECT_THAT(log.lines().at(1), HasSubstr(" status=canceled "));
    EXPECT_THAT(log.lines().at(1), Not(HasSubstr("payload")));
}

} // namespace
} // namespace modelmesh::testing
