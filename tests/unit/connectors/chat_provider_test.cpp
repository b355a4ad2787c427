#include <modelmesh/connector/chat_provider.hpp>

#include <modelmesh/json/read.hpp>
#include <modelmesh/json/write.hpp>

#include <gtest/gtest.h>

namespace modelmesh::connector {
namespace {

struct parrot_request {
    std::string say{};
    std::string engine{};
};
struct parrot_reply {
    std::string said{};
    std::string refused{};
    std::int64_t words{};
    std::vector<std::string> call{};
};

class parrot final : public chat_provider {
public:
    result<void> write_request(const chat::request& asked, const target& to,
                               http::request& output) const override {
        if (asked.tools) return fault(errc::unsupported, "parrots have no tools");
        output.target += "/squawk";
        const parrot_request out{std::string(asked.messages.back().text()), std::string(to.model)};
        output.body = json::write(out);
        return {};
    }
    result<chat::reply> read_reply(std::string_view body) const override {
        const auto said = json::read<parrot_reply>(body);
        if (!said) return said.error();
        if (!said->refused.empty()) return fault(errc::overloaded, said->refused);
        chat::reply reply;
        reply.id = "p1";
        chat::choice& only = reply.choices.emplace_back();
        if (!said->said.empty()) only.message = chat::assistant(said->said);
        for (const std::string& name : said->call) {
            if (!only.message.tool_calls) only.message.tool_calls.emplace();
            chat::tool_call& next = only.message.tool_calls->emplace_back();
            next.id = "c-" + name;
            next.function.emplace().name = name;
            next.function->arguments = "{}";
        }
        reply.usage.emplace().completion_tokens = said->words;
        return reply;
    }
};

std::shared_ptr<const prepared_request> prepared(std::string json,
                                                 operation what = operation::chat_completion) {
    return prepared_request::parse(what, std::move(json), false).value();
}

http::response answer(std::string body) {
    http::response r;
    r.status = 200;
    r.body = std::move(body);
    return r;
}

const std::string question = R"({"model":"chat","messages":[{"role":"user","content":"hello"}]})";

class chunk_list final : public frame_sink {
public:
    void chunk(std::string_view piece) override { chunks.emplace_back(piece); }
    void done() override { is_done = true; }
    std::vector<std::string> chunks;
    bool is_done = false;
};

result<chunk_list> streamed(std::string_view body, std::size_t cut) {
    const parrot bird;
    const auto decoder = bird.open_stream(*prepared(question));
    chunk_list out;
    for (const std::string_view part : {body.substr(0, cut), body.substr(cut)})
        if (const auto fed = decoder->on_frame({{}, part}, out); !fed) return fed.error();
    if (const auto ended = decoder->on_end(out); !ended) return ended.error();
    return out;
}

TEST(ChatProvider, WritesTheVendorsRequest) {
    http::request out;
    ASSERT_TRUE(parrot().encode(*prepared(question), target{"/api", "grey", "k"}, out));
    EXPECT_EQ(out.method, "POST");
    EXPECT_EQ(out.target, "/api/squawk");
    EXPECT_EQ(out.body, R"({"say":"hello","engine":"grey"})");
    EXPECT_EQ(out.headers.get("Authorization"), "Bearer k");
    EXPECT_EQ(out.headers.get("Content-Type"), "application/json");
}

TEST(ChatProvider, WhatTheVendorHasNothingForIsAnError) {
    http::request out;
    const std::string tools = R"({"model":"chat","messages":[],"tools":[]})";
    EXPECT_EQ(parrot().encode(*prepared(tools), target{}, out).error().code(), errc::unsupported);
    const auto embedding = prepared(R"({"model":"chat","input":"x"})", operation::embedding);
    EXPECT_EQ(parrot().encode(*embedding, target{}, out).error().code(), errc::unsupported);
    const std::string wrong = R"({"model":"chat","messages":"hello"})";
    EXPECT_EQ(parrot().encode(*prepared(wrong), target{}, out).error().code(), errc::bad_request);
}

TEST(ChatProvider, AReplyIsCompleted) {
    const auto text = parrot().decode(*prepared(question), answer(R"({"said":"hello","words":3})"));
    const auto reply = json::read<chat::reply>(text.value()).value();
    EXPECT_EQ(reply.text(), "hello");
    EXPECT_EQ(reply.choices[0].finish_reason, chat::finish::stop);
    EXPECT_EQ(reply.usage->total_tokens, 3);
    const auto calls = parrot().decode(*prepared(question), answer(R"({"call":["look"]})"));
    const auto called = json::read<chat::reply>(calls.value()).value();
    EXPECT_EQ(called.choices[0].finish_reason, chat::finish::tool_calls);
    EXPECT_EQ(called.choices[0].message.role, chat::role::assistant);
}

TEST(ChatProvider, AFailureInsideAGoodAnswerIsAFailure) {
    const auto refused = parrot().decode(*prepared(question), answer(R"({"refused":"asleep"})"));
    EXPECT_EQ(refused.error().code(), errc::overloaded);
    EXPECT_EQ(parrot().decode(*prepared(question), answer("no json")).error().code(), errc::protocol);
    EXPECT_EQ(streamed(R"({"refused":"asleep"})", 4).error().code(), errc::overloaded);
}

TEST(ChatProvider, AStreamIsTheWholeReplyInChunksWhereverItsBytesAreCut) {
    const std::string body = R"({"said":"hello","words":3,"call":["look","leap"]})";
    for (std::size_t cut = 0; cut <= body.size(); ++cut) {
        const auto out = streamed(body, cut);
        ASSERT_TRUE(out) << "cut at byte " << cut;
        EXPECT_TRUE(out->is_done);
        ASSERT_EQ(out->chunks.size(), 3u);
        chat::chunk chunk;
        json::reader reader;
        ASSERT_TRUE(reader.read(out->chunks[0], chunk));
        EXPECT_EQ(chunk.id, "p1");
        EXPECT_EQ(chunk.text(), "hello");
        EXPECT_EQ(chunk.choices[0].delta.role, "assistant");
        ASSERT_EQ(chunk.choices[0].delta.tool_calls->size(), 2u);
        EXPECT_EQ((*chunk.choices[0].delta.tool_calls)[1].index, 1);
        EXPECT_EQ((*chunk.choices[0].delta.tool_calls)[1].function->name, "leap");
        ASSERT_TRUE(reader.read(out->chunks[1], chunk));
        EXPECT_EQ(chunk.choices[0].finish_reason, "tool_calls");
        EXPECT_FALSE(chunk.choices[0].delta.content);
        ASSERT_TRUE(reader.read(out->chunks[2], chunk));
        EXPECT_EQ(chunk.usage->completion_tokens, 3);
    }
}

TEST(ChatProvider, HasChatsWhateverTheModelIsCalled) {
    EXPECT_EQ(parrot().capabilities_of("whisper"),
              std::vector<std::string>{"generation.text-generation.chat-completion"});
}

} // namespace
} // namespace modelmesh::connector
