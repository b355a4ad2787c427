// A reply that is cut into chunks and put together again is the reply.
#include <modelmesh/api/chat/accumulator.hpp>
#include <modelmesh/json/detail/describe.hpp>
#include <modelmesh/json/read.hpp>
#include <modelmesh/json/write.hpp>

#include <boost/json.hpp>

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace modelmesh::chat {
namespace {

namespace wire = boost::json;

/// Cuts a plain reply into chunks as servers do, at other places for every seed.
class cutter {
public:
    cutter(const wire::value& whole, unsigned seed) : random_(seed) {
        envelope_["id"] = whole.at("id");
        envelope_["object"] = "chat.completion.chunk";
        envelope_["created"] = whole.at("created");
        envelope_["model"] = whole.at("model");
        for (const char* name : {"service_tier", "system_fingerprint", "timings"})
            if (const wire::value* const value = whole.as_object().if_contains(name))
                envelope_[name] = *value;
        // The pieces of one choice stay in order; those of several mix.
        std::vector<std::vector<wire::object>> lines;
        for (const wire::value& choice : whole.at("choices").as_array())
            lines.push_back(cut(choice.as_object()));
        for (std::size_t left = lines.size(); left != 0;) {
            std::vector<wire::object>& line = lines[below(lines.size())];
            if (line.empty()) continue;
            emit({std::move(line.front())});
            line.erase(line.begin());
            if (line.empty()) --left;
        }
        wire::object last = envelope_;
        last["choices"] = wire::array();
        last["usage"] = whole.at("usage");
        chunks_.push_back(wire::serialize(last));
    }
    [[nodiscard]] const std::vector<std::string>& chunks() const noexcept { return chunks_; }

private:
    std::size_t below(std::size_t count) {
        return std::uniform_int_distribution<std::size_t>(0, count - 1)(random_);
    }
    void emit(wire::array choices) {
        wire::object chunk = envelope_;
        chunk["choices"] = std::move(choices);
        chunk["usage"] = nullptr;
        chunks_.push_back(wire::serialize(chunk));
    }
    std::vector<std::string> pieces(std::string_view text) {
        std::vector<std::string> made;
        while (!text.empty()) {
            std::size_t size = 1 + below(text.size());
            while (size < text.size() && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) ++size;
            made.emplace_back(text.substr(0, size));
            text.remove_prefix(size);
        }
        return made;
    }
    wire::object delta(wire::object said) {
        wire::object choice;
        choice["index"] = index_;
        choice["delta"] = std::move(said);
        choice["logprobs"] = nullptr;
        choice["finish_reason"] = nullptr;
        return choice;
    }

    std::vector<wire::object> cut(const wire::object& choice) {
        std::vector<wire::object> line;
        index_ = choice.at("index").as_int64();
        const wire::object& message = choice.at("message").as_object();
        const wire::value& content = message.at("content");
        line.push_back(delta({{"role", message.at("role")},
                              {"content", content.is_string() ? wire::value("") : wire::value(nullptr)},
                              {"refusal", nullptr}}));
        for (const char* name : {"reasoning_content", "content", "refusal"}) {
            const wire::value* const text = message.if_contains(name);
            if (text == nullptr || !text->is_string()) continue;
            for (const std::string& piece : pieces(text->as_string())) line.push_back(delta({{name, piece}}));
        }
        if (const wire::value* const calls = message.if_contains("tool_calls"))
            cut_calls(calls->as_array(), line);
        if (const wire::value* const audio = message.if_contains("audio")) {
            line.push_back(delta({{"audio", {{"id", audio->at("id")}}}}));
            for (const char* name : {"data", "transcript"})
                for (const std::string& piece : pieces(audio->at(name).as_string()))
                    line.push_back(delta({{"audio", {{name, piece}}}}));
            line.push_back(delta({{"audio", {{"expires_at", audio->at("expires_at")}}}}));
        }
        if (const wire::value& logprobs = choice.at("logprobs"); logprobs.is_object()) {
            for (const wire::value& token : logprobs.at("content").as_array()) {
                wire::object one = delta({});
                one["logprobs"] = {{"content", wire::array{token}}, {"refusal", nullptr}};
                line.push_back(std::move(one));
            }
        }
        line.push_back(delta({}));
        line.back()["finish_reason"] = choice.at("finish_reason");
        return line;
    }

    // Arguments of parallel calls mix once the calls have begun.
    void cut_calls(const wire::array& calls, std::vector<wire::object>& line) {
        std::vector<std::vector<std::string>> arguments;
        for (std::size_t i = 0; i < calls.size(); ++i) {
            wire::object first = calls[i].as_object();
            arguments.push_back(pieces(first.at("function").at("arguments").as_string()));
            first["index"] = i;
            first["function"].as_object()["arguments"] = "";
            line.push_back(delta({{"tool_calls", wire::array{first}}}));
        }
        for (std::size_t left = calls.size(); left != 0;) {
            const std::size_t i = below(calls.size());
            if (arguments[i].empty()) continue;
            line.push_back(delta(
                {{"tool_calls", wire::array{wire::object{
                                    {"index", i}, {"function", {{"arguments", arguments[i].front()}}}}}}}));
            arguments[i].erase(arguments[i].begin());
            if (arguments[i].empty()) --left;
        }
    }

    std::mt19937 random_;
    wire::object envelope_;
    std::int64_t index_ = 0;
    std::vector<std::string> chunks_;
};

constexpr std::string_view replies[] = {
    R"({"id":"c","object":"chat.completion","created":1795000000,"model":"m","choices":[{"index":0,"message":)"
    R"({"role":"assistant","content":"Grüße, \"quoted\" \u0001 and 日本語","refusal":null},"logprobs":null,)"
    R"("finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":5,"total_tokens":14,)"
    R"("completion_tokens_details":{"reasoning_tokens":3}},"service_tier":"default","system_fingerprint":"f"})",
    R"({"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":)"
    R"("assistant","content":null,"refusal":null,"tool_calls":[{"id":"a","type":"function","function":{"name":)"
    R"("one","arguments":"{\"x\":[1,2,3]}"}},{"id":"b","type":"function","function":{"name":"two","arguments":)"
    R"("{\"city\":\"Zürich\"}"}}]},"logprobs":null,"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":1,)"
    R"("completion_tokens":2,"total_tokens":3}})",
    R"({"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":)"
    R"("assistant","content":"first","refusal":null,"reasoning_content":"well \\ then \u00e9"},"logprobs":)"
    R"({"content":[{"token":"fi","logprob":-0.5,"bytes":[102,105],"top_logprobs":[{"token":"x","logprob":-1.5,)"
    R"("bytes":null}]},{"token":"rst","logprob":-0.25,"bytes":null,"top_logprobs":[]}],"refusal":null},)"
    R"("finish_reason":"stop"},{"index":1,"message":{"role":"assistant","content":null,"refusal":"I will not."},)"
    R"("logprobs":null,"finish_reason":"content_filter"},{"index":2,"message":{"role":"assistant","content":null,)"
    R"("refusal":null,"audio":{"id":"s","expires_at":5,"data":"UklGRg==","transcript":"hello there"}},"logprobs":)"
    R"(null,"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3},)"
    R"("timings":{"ms":1}})",
};

TEST(ChatAccumulator, PutsTogetherWhateverWasCut) {
    for (const std::string_view text : replies) {
        const wire::value whole = wire::parse(text);
        for (unsigned seed = 0; seed < 200; ++seed) {
            const cutter cut(whole, seed);
            accumulator rebuilt;
            json::reader reader;
            chunk read;
            for (const std::string& each : cut.chunks()) {
                const result<void> done = reader.read(each, read, json::read_options::lenient());
                ASSERT_TRUE(done) << done.error().message << each;
                rebuilt.add(read);
            }
            ASSERT_EQ(wire::parse(json::write(rebuilt.so_far())), whole) << "seed " << seed;
            ASSERT_EQ(wire::parse(json::write(rebuilt.take())), whole);
            EXPECT_TRUE(rebuilt.so_far() == reply());
        }
    }
}

TEST(ChatAccumulator, KeepsWithinWhatItWasGiven) {
    accumulator rebuilt;
    json::reader reader;
    chunk read;
    ASSERT_TRUE(
        reader.read(R"({"choices":[{"index":9000000000,"delta":{"tool_calls":[{"index":9000000000,"id":"a"},)"
                    R"({"index":-1,"function":{"name":"f"}}]}}]})",
                    read));
    rebuilt.add(read);
    ASSERT_EQ(rebuilt.so_far().choices.size(), 1u);
    ASSERT_EQ(rebuilt.so_far().choices[0].message.tool_calls->size(), 1u);
    EXPECT_EQ(rebuilt.so_far().choices[0].message.tool_calls->front().function->name, "f");
}

TEST(ChatAccumulator, JoinsWhatItDoesNotKnowInsideMessages) {
    accumulator rebuilt;
    json::reader reader;
    chunk read;
    for (const char* delta :
         {R"({"reasoning":null,"details":[],"n":1})", R"({"reasoning":"a\n","details":[{"x":1}]})",
          R"({"reasoning":"b","details":[ 2 ],"n":2})", R"({"reasoning":null,"details":[]})"}) {
        const std::string text = std::string(R"({"choices":[{"index":0,"delta":)") + delta + "}]}";
        ASSERT_TRUE(reader.read(text, read));
        rebuilt.add(read);
    }
    const json::extra& extra = rebuilt.so_far().choices.at(0).message.extra;
    EXPECT_EQ(extra.find("reasoning"), R"("a\nb")");
    EXPECT_EQ(extra.find("details"), R"([{"x":1}, 2 ])");
    EXPECT_EQ(extra.find("n"), "2");
}

TEST(ChatAccumulator, AStreamThatBeginsAgainIsAddedUpFromThere) {
    accumulator rebuilt;
    json::reader reader;
    chunk read;
    for (
        const char* text :
        {R"({"id":"old","created":7,"choices":[{"index":0,"delta":{"role":"assistant","content":"half"}},{"index":1,"delta":{"content":"x"}}],"usage":{"total_tokens":1},"x":1})",
         R"({"id":"","choices":[],"x_modelmesh":{"model":"b.m","restarted":true}})",
         R"({"id":"new","choices":[{"index":0,"delta":{"content":"whole"},"finish_reason":"stop"}]})",
         R"({"id":"new","choices":[],"x_modelmesh":{"model":"b.m"}})"}) {
        ASSERT_TRUE(reader.read(text, read));
        rebuilt.add(read);
    }
    reply wanted;
    wanted.id = "new";
    wanted.choices.resize(1);
    wanted.choices[0].message = assistant("whole");
    wanted.choices[0].finish_reason = "stop";
    wanted.x_modelmesh.emplace().model = "b.m"; // told by a mesh, which is no restart
    EXPECT_EQ(json::write(rebuilt.take()), json::write(wanted));
}

} // namespace
} // namespace modelmesh::chat
