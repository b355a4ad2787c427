// Reading a chunk of a stream and writing a chat request, beside others on the same bytes: simdjson On-Demand and
// a writer that only copies, both by hand for this one type, are the floors; Boost.JSON and nlohmann's library make
// a tree. All give the same members, or the same text, or the program aborts.
#include <modelmesh/api/chat.hpp>
#include <modelmesh/json/read.hpp>
#include <modelmesh/json/write.hpp>

#include <benchmark/benchmark.h>
#include <boost/json/src.hpp>
#include <simdjson.h>

#if __has_include(<nlohmann/json.hpp>)
#include <nlohmann/json.hpp>
#define MODELMESH_BENCH_NLOHMANN 1
#endif

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace {

using namespace modelmesh;

// ----------------------------------------------------------------------------------------------------
// reading

// Of 238 bytes each: as OpenAI sends most of them, and one that has all that is looked for.
constexpr std::string_view text_chunk =
    R"({"id":"chatcmpl-B9MHDbslfkBeAs8l4bebGdFO","object":"chat.completion.chunk","created":1741570283,)"
    R"("model":"gpt-4o-2024-08-06","system_fingerprint":"fp_fc9f1d7035","choices":[{"index":0,)"
    R"("delta":{"content":" everyone"},"finish_reason":null}]})";
constexpr std::string_view full_chunk =
    R"({"id":"chatcmpl-B9","created":1741570283,"model":"o","choices":[{"index":0,)"
    R"("delta":{"role":"assistant","content":"s","tool_calls":[{"index":2}]},"finish_reason":"stop"}],)"
    R"("usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13}})";

// What is looked for; empty, -1 or 0 when it is not there.
struct found {
    std::string_view role{};
    std::string_view content{};
    std::string_view finish_reason{};
    std::int64_t tool_call = -1;
    std::int64_t total_tokens = 0;
    friend bool operator==(const found&, const found&) = default;
};
constexpr found in_text_chunk{{}, " everyone", {}, -1, 0};
constexpr found in_full_chunk{"assistant", "s", "stop", 2, 13};

void count_bytes(benchmark::State& state, std::size_t each) {
    state.SetBytesProcessed(static_cast<std::int64_t>(each) * state.iterations());
}

// Runs `look(bytes)`, which answers what it found in the chunk; simdjson's padding is behind the bytes.
template <class Look> void read_chunks(benchmark::State& state, Look look) {
    const bool is_full = state.range(0) != 0;
    const std::string_view chunk = is_full ? full_chunk : text_chunk;
    std::string padded(chunk);
    padded.append(simdjson::SIMDJSON_PADDING, ' ');
    const std::string_view bytes(padded.data(), chunk.size());
    if (look(bytes) != (is_full ? in_full_chunk : in_text_chunk)) std::abort();
    for (auto _ : state) {
        const found f = look(bytes);
        benchmark::DoNotOptimize(f);
    }
    count_bytes(state, chunk.size());
}

// Unlike the others it reads every member. That it does not allocate is a test (chat_allocation_test.cpp).
void json_read(benchmark::State& state) {
    json::reader reader;
    chat::chunk c;
    const auto view = [](const json::maybe<std::string_view>& text) {
        return text ? *text : std::string_view();
    };
    read_chunks(state, [&](std::string_view bytes) {
        if (!reader.read(bytes, c) || c.choices.empty()) std::abort();
        const chat::chunk_choice& choice = c.choices.front();
        found f{view(choice.delta.role), view(choice.delta.content), view(choice.finish_reason)};
        if (choice.delta.tool_calls) f.tool_call = choice.delta.tool_calls->front().index;
        if (c.usage) f.total_tokens = c.usage->total_tokens;
        return f;
    });
}
BENCHMARK(json_read)->ArgName("full")->Arg(0)->Arg(1);

// The same members in one pass, and nothing else.
void json_read_simdjson(benchmark::State& state) {
    simdjson::ondemand::parser parser;
    const auto text_or_null = [](simdjson::ondemand::value value, std::string_view& out) {
        if (!value.is_null()) out = value.get_string();
    };
    read_chunks(state, [&](std::string_view bytes) {
        found f;
        simdjson::ondemand::document document =
            parser.iterate(bytes.data(), bytes.size(), bytes.size() + simdjson::SIMDJSON_PADDING);
        for (simdjson::ondemand::field member : document.get_object()) {
            if (member.key() == "choices") {
                for (simdjson::ondemand::object choice : member.value().get_array()) {
                    for (simdjson::ondemand::field inner : choice) {
                        if (inner.key() == "delta") {
                            for (simdjson::ondemand::field part : inner.value().get_object()) {
                                if (part.key() == "content")
                                    text_or_null(part.value(), f.content);
                                else if (part.key() == "role")
                                    text_or_null(part.value(), f.role);
                                else if (part.key() == "tool_calls")
                                    for (simdjson::ondemand::object call : part.value().get_array())
                                        f.tool_call = call["index"];
                            }
                        } else if (inner.key() == "finish_reason") {
                            text_or_null(inner.value(), f.finish_reason);
                        }
                    }
                }
            } else if (member.key() == "usage" && !member.value().is_null()) {
                f.total_tokens = member.value()["total_tokens"];
            }
        }
        return f;
    });
}
BENCHMARK(json_read_simdjson)->ArgName("full")->Arg(0)->Arg(1);

void json_read_boost(benchmark::State& state) {
    // One arena for all documents, as its documentation advises for speed.
    static unsigned char memory[16 * 1024];
    boost::json::monotonic_resource arena(memory, sizeof memory);
    boost::json::parser parser;
    read_chunks(state, [&](std::string_view bytes) {
        arena.release();
        parser.reset(&arena);
        parser.write(boost::json::string_view(bytes.data(), bytes.size()));
        const boost::json::value document = parser.release();
        const auto text = [](const boost::json::object& object, boost::json::string_view name) {
            const boost::json::value* member = object.if_contains(name);
            if (member == nullptr || !member->is_string()) return std::string_view();
            return std::string_view(member->get_string().data(), member->get_string().size());
        };
        const boost::json::object& top = document.get_object();
        const boost::json::object& choice = top.at("choices").get_array().at(0).get_object();
        const boost::json::object& delta = choice.at("delta").get_object();
        found f{text(delta, "role"), text(delta, "content"), text(choice, "finish_reason")};
        if (const auto* calls = delta.if_contains("tool_calls"))
            f.tool_call = calls->get_array().at(0).get_object().at("index").get_int64();
        if (const auto* usage = top.if_contains("usage"); usage != nullptr && usage->is_object())
            f.total_tokens = usage->get_object().at("total_tokens").get_int64();
        return f;
    });
}
BENCHMARK(json_read_boost)->ArgName("full")->Arg(0)->Arg(1);

#ifdef MODELMESH_BENCH_NLOHMANN
void json_read_nlohmann(benchmark::State& state) {
    nlohmann::json document;
    read_chunks(state, [&](std::string_view bytes) {
        document = nlohmann::json::parse(bytes);
        const auto text = [](const nlohmann::json& object, const char* name) {
            const auto member = object.find(name);
            return member != object.end() && member->is_string()
                       ? std::string_view(member->get_ref<const std::string&>())
                       : std::string_view();
        };
        const nlohmann::json& choice = document["choices"][0];
        const nlohmann::json& delta = choice["delta"];
        found f{text(delta, "role"), text(delta, "content"), text(choice, "finish_reason")};
        if (const auto calls = delta.find("tool_calls"); calls != delta.end())
            f.tool_call = (*calls)[0]["index"].get<std::int64_t>();
        if (const auto usage = document.find("usage"); usage != document.end() && usage->is_object())
            f.total_tokens = (*usage)["total_tokens"].get<std::int64_t>();
        return f;
    });
}
BENCHMARK(json_read_nlohmann)->ArgName("full")->Arg(0)->Arg(1);
#else
const bool no_nlohmann = [] {
    std::fputs("steps: built without nlohmann-json3-dev: no rows for it\n", stderr);
    return true;
}();
#endif

// ----------------------------------------------------------------------------------------------------
// writing

// Ten messages of a conversation of people, of 60 to 600 bytes each; with line ends and quotes, or without.
chat::request conversation(bool has_escapes) {
    const std::string sentence = has_escapes ? "It said \"no route\",\nand the next line was empty.\n\n"
                                             : "It said that there is no route, and that was its last word. ";
    const auto text = [&](std::size_t sentences) {
        std::string all;
        for (std::size_t i = 0; i < sentences; ++i) all += sentence;
        return all;
    };
    chat::request request;
    request.model = "gpt-4o-2024-08-06";
    request.messages.push_back(chat::system(text(4)));
    for (const std::size_t sentences : {1, 6, 2, 8, 1, 10, 3, 5})
        request.messages.push_back(request.messages.size() % 2 == 1 ? chat::user(text(sentences))
                                                                    : chat::assistant(text(sentences)));
    request.messages.push_back(chat::user(text(2)));
    request.max_completion_tokens = 1024;
    request.temperature = 0.7;
    request.stream = true;
    request.user = "user-4711";
    return request;
}

// Runs `make(request)`, which answers the text.
template <class Make> void write_requests(benchmark::State& state, Make make) {
    const chat::request request = conversation(state.range(0) != 0);
    const std::string text = json::write(request);
    if (make(request) != text) std::abort();
    for (auto _ : state) {
        const std::string made = make(request);
        benchmark::DoNotOptimize(made.data());
    }
    count_bytes(state, text.size());
}

void json_write(benchmark::State& state) {
    write_requests(state, [](const chat::request& request) { return json::write(request); });
}
BENCHMARK(json_write)->ArgName("escapes")->Arg(0)->Arg(1);

const std::string& content_of(const chat::message& message) {
    return std::get<std::string>(*message.content);
}

// The members of a request in their places, as text that surrounds what `add_text` writes between quotes.
template <class Append, class AppendText>
void write_by_hand(const chat::request& request, Append append, AppendText append_text) {
    const auto append_number = [&](auto number) {
        char digits[32];
        const char* const end = std::to_chars(digits, digits + sizeof digits, number).ptr;
        append(std::string_view(digits, static_cast<std::size_t>(end - digits)));
    };
    append(R"({"model":")");
    append_text(request.model);
    append(R"(","messages":[)");
    bool is_first = true;
    for (const chat::message& message : request.messages) {
        append(is_first ? R"({"role":")" : R"(,{"role":")");
        is_first = false;
        append_text(message.role.text());
        append(R"(","content":")");
        append_text(content_of(message));
        append(R"("})");
    }
    append(R"(],"max_completion_tokens":)");
    append_number(*request.max_completion_tokens);
    append(R"(,"temperature":)");
    append_number(*request.temperature);
    append(*request.stream ? R"(,"stream":true,"user":")" : R"(,"stream":false,"user":")");
    append_text(*request.user);
    append(R"("})");
}

// The floor: nothing is looked at, all is copied into memory that is there already. Right only where no text needs
// an escape.
void json_write_memcpy(benchmark::State& state) {
    const std::size_t size = json::write(conversation(false)).size();
    write_requests(state, [size](const chat::request& request) {
        std::string out;
        out.reserve(size);
        const auto append = [&out](std::string_view text) { out.append(text); };
        write_by_hand(request, append, append);
        return out;
    });
}
BENCHMARK(json_write_memcpy)->ArgName("escapes")->Arg(0);

// Who writes by hand and does not forget the escapes.
void json_write_by_hand(benchmark::State& state) {
    const std::size_t size = json::write(conversation(true)).size();
    write_requests(state, [size](const chat::request& request) {
        std::string out;
        out.reserve(size);
        const auto append = [&out](std::string_view text) { out.append(text); };
        write_by_hand(request, append, [&out](std::string_view text) {
            std::size_t done = 0;
            for (std::size_t i = 0; i < text.size(); ++i) {
                const auto c = static_cast<unsigned char>(text[i]);
                if (c >= 0x20 && c != '"' && c != '\\') continue;
                out.append(text, done, i - done);
                done = i + 1;
                if (c == '\n')
                    out.append("\\n");
                else if (c == '"' || c == '\\')
                    out.append(1, '\\').append(1, text[i]);
                else
                    std::abort(); // no other one is in these texts
            }
            out.append(text, done);
        });
        return out;
    });
}
BENCHMARK(json_write_by_hand)->ArgName("escapes")->Arg(0)->Arg(1);

// Trees are made beforehand: what is measured is the writing.
void json_write_boost(benchmark::State& state) {
    const chat::request request = conversation(state.range(0) != 0);
    const boost::json::value document = boost::json::parse(json::write(request));
    const std::size_t size = json::write(request).size();
    if (boost::json::serialize(document).size() < size) std::abort(); // it writes 0.7 as 7E-1
    for (auto _ : state) {
        const std::string made = boost::json::serialize(document);
        benchmark::DoNotOptimize(made.data());
    }
    count_bytes(state, size);
}
BENCHMARK(json_write_boost)->ArgName("escapes")->Arg(0)->Arg(1);

#ifdef MODELMESH_BENCH_NLOHMANN
void json_write_nlohmann(benchmark::State& state) {
    const chat::request request = conversation(state.range(0) != 0);
    const auto document = nlohmann::ordered_json::parse(json::write(request));
    write_requests(state, [&](const chat::request&) { return document.dump(); });
}
BENCHMARK(json_write_nlohmann)->ArgName("escapes")->Arg(0)->Arg(1);
#endif

} // namespace
