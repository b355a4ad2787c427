#include <modelmesh/connector/openai_compatible.hpp>

#include <modelmesh/json/read.hpp>
#include <modelmesh/json/write.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>

namespace modelmesh::connector {
namespace {

// What a server says about a failure.
struct explanation {
    std::string message{};
    std::string type{};
    std::string param{};
    std::string code{};    // a string at OpenAI, a number at some servers that follow it
    bool is_error = false; // the document calls itself an error, whatever status it came with
};

// One thing that FastAPI found wrong with a request: {"loc":["body","messages",0],"msg":"Field required"}.
struct complaint {
    std::vector<json::raw> loc{};
    std::string msg{};
};

struct listed_model {
    std::string id{};
};

struct model_list {
    std::vector<listed_model> data{};
};

constexpr std::size_t longest_message =
    512; // text of a server is untrusted: it is shown, never trusted, and capped

bool contains_lower(std::string_view text, std::string_view needle) {
    const auto same = [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; };
    return std::search(text.begin(), text.end(), needle.begin(), needle.end(), same) != text.end();
}

// What servers of this family write when a prompt is longer than the model's window.
bool says_context_length(std::string_view message) {
    constexpr std::array<std::string_view, 8> phrases{"context_length_exceeded",
                                                      "exceeds the context window",
                                                      "maximum context length is",
                                                      "maximum prompt length is",
                                                      "reduce the length of the messages",
                                                      "greater than the context length",
                                                      "exceeds the available context size",
                                                      "exceeded max context length"};
    return std::any_of(phrases.begin(), phrases.end(),
                       [message](std::string_view phrase) { return contains_lower(message, phrase); });
}

errc kind_of_status(int status) noexcept {
    switch (status) {
    case 401:
        return errc::auth;
    case 402:
        return errc::quota;
    case 403:
        return errc::permission;
    case 404:
        return errc::not_found;
    case 408:
    case 504:
        return errc::timed_out;
    case 409:
        return errc::upstream; // OpenAI: a conflict on its side, worth another try
    case 413:
        return errc::context_length;
    case 429:
        return errc::rate_limit;
    case 503:
    case 529:
        return errc::overloaded;
    default:
        return status >= 400 && status < 500 ? errc::bad_request : errc::upstream;
    }
}

errc kind_of(int status, std::string_view code, std::string_view type, std::string_view message) {
    const errc kind = kind_of_status(status);
    const auto named = [&](std::string_view name) { return code == name || type == name; };
    if (named("insufficient_quota") || named("billing_hard_limit_reached")) return errc::quota;
    if (kind == errc::bad_request) {
        if (named("context_length_exceeded") || says_context_length(message)) return errc::context_length;
        if (named("content_filter") || named("content_policy_violation")) return errc::content_filter;
    }
    return kind;
}

// Shortens to whole characters: what is cut inside one is no longer UTF-8.
void cap(std::string& text) {
    if (text.size() <= longest_message) return;
    std::size_t end = longest_message;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
    text.resize(end);
}

std::string text_of(std::string_view value) {
    result<std::string> text = json::string_value(value);
    return text ? std::move(*text) : std::string(value);
}

using object_members = std::vector<json::member>;

// The JSON of a member; empty when it is absent or null.
std::string_view value_of(const object_members& object, std::string_view name) {
    const auto found =
        std::find_if(object.begin(), object.end(), [name](const json::member& m) { return m.name == name; });
    return found == object.end() || found->value == "null" ? std::string_view() : found->value;
}

explanation described(const object_members& by) {
    explanation e;
    e.message = text_of(value_of(by, "message"));
    e.type = text_of(value_of(by, "type"));
    e.param = text_of(value_of(by, "param"));
    e.code = text_of(value_of(by, "code"));
    return e;
}

// Where in the request a complaint points: "messages.0.role".
std::string path_of(const complaint& about) {
    std::string path;
    for (const json::raw& part : about.loc) {
        const std::string step = text_of(part.text);
        if (path.empty() && step == "body") continue;
        path += (path.empty() ? "" : ".") + step;
    }
    return path;
}

void add_detail(explanation& e, std::string_view detail) {
    const auto complaints = json::read<std::vector<complaint>>(detail);
    if (!complaints) {
        e.message = text_of(detail);
        return;
    }
    for (const complaint& one : *complaints) {
        const std::string path = path_of(one);
        if (e.param.empty()) e.param = path;
        e.message += (e.message.empty() ? "" : "; ") + path + (path.empty() ? "" : ": ") + one.msg;
    }
}

// Reads an error in any of the forms that servers of this family use:
//   {"error":{"message":...,"type":...,"param":...,"code":...}}      OpenAI
//   {"error":"text"}                                                 Ollama
//   {"object":"error","message":...,"type":...,"code":400}           older vLLM
//   {"detail":"text"} and {"detail":[{"loc":[...],"msg":...}]}       FastAPI, in front of many servers
// Empty when the text is no JSON object.
std::optional<explanation> explain(std::string_view text) {
    const result<object_members> top = json::members(text);
    if (!top) return std::nullopt;
    const std::string_view error = value_of(*top, "error");
    const result<object_members> nested = json::members(error);
    explanation e = described(nested ? *nested : *top);
    if (error.starts_with('"')) e.message = text_of(error);
    e.is_error = nested || (error.starts_with('"') && !e.message.empty()) ||
                 text_of(value_of(*top, "object")) == "error";
    const std::string_view detail = value_of(*top, "detail");
    if (e.message.empty() && !detail.empty()) add_detail(e, detail);
    return e;
}

fault make_fault(int status, explanation said) {
    if (said.message.empty())
        said.message = "HTTP status " + std::to_string(status) + " without an explanation";
    cap(said.message);
    cap(said.param);
    const errc kind = kind_of(status, said.code, said.type, said.message);
    fault f(kind, std::move(said.message));
    f.http_status = status;
    f.param = std::move(said.param);
    return f;
}

// A failure inside an answer whose status was good. Servers put the status that they would have answered with
// into `code`, when they put anything.
fault make_fault(explanation said) {
    const std::string& code = said.code;
    const bool is_status = code.size() == 3 && (code[0] == '4' || code[0] == '5') &&
                           code.find_first_not_of("0123456789") == std::string::npos;
    const int status = is_status ? std::stoi(code) : 500;
    return make_fault(status, std::move(said));
}

void append_member(std::string& body, std::string_view name, std::string_view value) {
    body += body.size() > 1 ? "," : "";
    json::append_string(body, name);
    body += ':';
    body += value;
}

// Merges include_usage into the caller's own stream_options.
std::string stream_options(std::string_view given) {
    std::string merged = "{\"include_usage\":true";
    if (const auto members = json::members(given.empty() || given == "null" ? "{}" : given); members)
        for (const json::member& m : *members)
            if (m.name != "include_usage") append_member(merged, m.name, m.value);
    return merged + "}";
}

// Whether the text may be an error in a form that calls itself one, told without parsing it. Inside a string
// the quotes are escaped.
bool mentions_error(std::string_view json) noexcept {
    constexpr std::string_view needle = "\"error\"";
    return memmem(json.data(), json.size(), needle.data(), needle.size()) != nullptr;
}

class chat_stream_decoder final : public stream_decoder {
public:
    result<void> on_frame(const frame& input, frame_sink& output) override {
        if (done_) return {}; // nothing that follows the end mark means anything
        if (input.data == "[DONE]") {
            done_ = true;
            output.done();
            return {};
        }
        // The status was 200, so the server can report a failure only inside the stream.
        if (input.event == "error" || mentions_error(input.data)) {
            std::optional<explanation> said = explain(input.data);
            // An event of this name is never a chunk, whatever it holds.
            if (!said && input.event == "error") said.emplace().message = input.data;
            if (said && (said->is_error || input.event == "error")) return make_fault(std::move(*said));
        }
        output.chunk(input.data);
        return {};
    }

    result<void> on_end(frame_sink&) override {
        if (done_) return {};
        return fault(errc::protocol, "the stream ended without its end mark [DONE]: the reply is truncated");
    }

private:
    bool done_ = false;
};

} // namespace

void openai_compatible::authorize(const target& to, http::headers& output) const {
    if (!to.api_key.empty()) output.set("Authorization", "Bearer " + std::string(to.api_key));
}

result<void> openai_compatible::encode(const prepared_request& input, const target& to,
                                       http::request& output) const {
    output.method = "POST";
    output.target = std::string(to.base_path) + "/chat/completions";
    output.headers.set("Content-Type", "application/json");
    output.headers.set("Accept", input.stream() ? "text/event-stream" : "application/json");
    authorize(to, output.headers);

    std::string& body = output.body;
    body.clear();
    body.reserve(input.size() + to.model.size() + 64);
    body += '{';
    for (const json::member& m : input.members()) {
        if (m.name == "stream" || m.name == "stream_options") continue;
        if (m.name == "model") {
            append_member(body, "model", {});
            json::append_string(body, to.model);
        } else {
            append_member(body, m.name, m.value);
        }
    }
    if (input.stream()) {
        append_member(body, "stream", "true");
        const std::string_view given = input.find("stream_options");
        if (wants_stream_usage())
            append_member(body, "stream_options", stream_options(given));
        else if (!given.empty())
            append_member(body, "stream_options", given);
    }
    body += '}';
    return {};
}

result<std::string> openai_compatible::decode(const prepared_request&, http::response&& answer) const {
    // Some servers report a failure with status 200; anything else passes through as it came.
    if (mentions_error(answer.body)) {
        std::optional<explanation> said = explain(answer.body);
        if (said && said->is_error) return make_fault(std::move(*said));
    }
    return std::move(answer.body);
}

fault openai_compatible::classify(const http::response& answer,
                                  std::chrono::system_clock::time_point wall) const {
    fault f = make_fault(answer.status, explain(answer.body).value_or(explanation()));
    f.request_id = answer.headers.get("x-request-id").substr(0, 128);
    f.retry_after = retry_after(answer.headers, wall);
    return f;
}

std::unique_ptr<stream_decoder> openai_compatible::open_stream(const prepared_request&) const {
    return std::make_unique<chat_stream_decoder>();
}

result<void> openai_compatible::encode_list_models(const target& to, http::request& output) const {
    output.method = "GET";
    output.target = std::string(to.base_path) + "/models";
    output.headers.set("Accept", "application/json");
    authorize(to, output.headers);
    return {};
}

result<std::vector<model_info>> openai_compatible::decode_list_models(http::response&& answer) const {
    result<model_list> parsed = json::read<model_list>(answer.body);
    if (!parsed) return std::move(parsed).error();
    std::vector<model_info> models;
    for (listed_model& entry : parsed->data) {
        const bool for_chat = chats(entry.id);
        models.push_back(model_info{std::move(entry.id), for_chat});
    }
    return models;
}

bool openai_compatible::chats(std::string_view model) const {
    constexpr std::array<std::string_view, 20> others{
        "embed",    "embedding", "embeddings", "embedder",   "bge",     "minilm",   "rerank",
        "reranker", "whisper",   "tts",        "transcribe", "audio",   "realtime", "dall",
        "image",    "diffusion", "sora",       "moderation", "davinci", "babbage"};
    return !has_word(model, others);
}

bool has_word(std::string_view name, std::span<const std::string_view> words) {
    const auto is_part = [](unsigned char c) { return std::isalnum(c) != 0; };
    for (auto at = name.begin(); at != name.end();) {
        const auto first = std::find_if(at, name.end(), is_part);
        at = std::find_if_not(first, name.end(), is_part);
        const std::string_view word(first, at);
        if (std::any_of(words.begin(), words.end(), [word](std::string_view wanted) {
                return word.size() == wanted.size() && contains_lower(word, wanted);
            }))
            return true;
    }
    return false;
}

} // namespace modelmesh::connector
