#include <modelmesh/connector/openai_compatible.hpp>

#include "cdk/limit_reset.hpp"
#include "core/whole_characters.hpp"

#include <modelmesh/core/random.hpp>
#include <modelmesh/http/form_data.hpp>
#include <modelmesh/json/read.hpp>
#include <modelmesh/json/write.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <random>
#include <span>
#include <utility>

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

// Words by which names say what their models are for; the first that fits counts.
constexpr std::array<std::string_view, 2> ranking{"rerank", "reranker"};
constexpr std::array<std::string_view, 6> embedding{"embed",    "embedding", "embeddings",
                                                    "embedder", "bge",       "minilm"};
constexpr std::array<std::string_view, 2> hearing{"whisper", "transcribe"};
constexpr std::array<std::string_view, 1> speaking{"tts"};
constexpr std::array<std::string_view, 3> drawing{"dall", "image", "diffusion"};
constexpr std::array<std::string_view, 1> moderating{"moderation"};
constexpr std::array<std::string_view, 2> completing{"davinci", "babbage"};
constexpr std::array<std::string_view, 3> else_where{"audio", "realtime", "sora"}; // no operation of ours
constexpr std::array<std::string_view, 1> chatting{"gpt"}; // also where it searches before it answers
constexpr std::array<std::string_view, 1> searching{"search"};

struct naming {
    std::span<const std::string_view> words;
    std::string_view capability;
    std::string_view another{};     ///< which it has, too
    std::string_view but_without{}; ///< a name that has this in it has not
};
constexpr std::array<naming, 10> namings{
    {{ranking, capability_of(operation::rerank)},
     {embedding, capability_of(operation::embedding)},
     {hearing, capability_of(operation::transcription)},
     {speaking, capability_of(operation::speech)},
     {drawing, capability_of(operation::image_generation), capability_of(operation::image_edit), "dall-e-3"},
     {moderating, capability_of(operation::moderation)},
     {completing, capability_of(operation::text_completion)},
     {else_where, {}},
     {chatting, capability_of(operation::chat_completion)},
     {searching, capability_of(operation::search)}}};

std::string_view path_of(operation what) noexcept {
    switch (what) {
    case operation::chat_completion:
        return "/chat/completions";
    case operation::text_completion:
        return "/completions";
    case operation::response:
        return "/responses";
    case operation::embedding:
        return "/embeddings";
    case operation::moderation:
        return "/moderations";
    case operation::image_generation:
        return "/images/generations";
    case operation::image_edit:
        return "/images/edits";
    case operation::image_variation:
        return "/images/variations";
    case operation::speech:
        return "/audio/speech";
    case operation::transcription:
        return "/audio/transcriptions";
    case operation::translation:
        return "/audio/translations";
    case operation::rerank:
        return "/rerank";
    case operation::search:
        return "/search";
    }
    return {};
}

// Only these streams end without their totals unless they are asked for.
bool has_stream_options(operation what) noexcept {
    return what == operation::chat_completion || what == operation::text_completion;
}

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

void cap(std::string& text) { text.resize(core::whole_characters(text, longest_message).size()); }

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
// into `code`, or a word for it, when they put anything.
fault make_fault(explanation said) {
    const std::string& code = said.code;
    const bool is_status = code.size() == 3 && (code[0] == '4' || code[0] == '5') &&
                           code.find_first_not_of("0123456789") == std::string::npos;
    const int status = is_status ? std::stoi(code) : code == "rate_limit_exceeded" ? 429 : 500;
    if (said.message.empty()) said.message = "the provider reported a failure without an explanation";
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

// Calls `put(name, json)` with each member of the request as this model gets it.
template <class Put> void for_each_member(const prepared_request& input, const target& to, Put&& put) {
    std::string model;
    json::append_string(model, to.model);
    bool has_model = false;
    for (const json::member& m : input.members()) {
        if (m.name == "stream" || m.name == "stream_options") continue;
        const bool is_model = m.name == "model";
        put(m.name, is_model ? std::string_view(model) : m.value);
        has_model = has_model || is_model;
    }
    if (!has_model) put("model", std::string_view(model));
    // Speech is streamed as bytes, for which nothing needs to be said.
    if (input.stream() && input.operation() != operation::speech) put("stream", "true");
}

// A form's fields are texts: strings without their quotes, lists as several fields `name[]`, objects as several
// fields `name[key]`. Null is no text, and is left out.
void add_field(http::form_data& form, const std::string& name, std::string_view value) {
    if (value == "null") return;
    if (value.starts_with('[')) {
        if (const auto items = json::read<std::vector<json::raw>>(value))
            for (const json::raw& item : *items) add_field(form, name + "[]", item.text);
    } else if (value.starts_with('{')) {
        if (const result<object_members> members = json::members(value))
            for (const json::member& m : *members) add_field(form, name + "[" + m.name + "]", m.value);
    } else {
        form.add_field(name, text_of(value));
    }
}

// Calls `add_fields(form)`, and makes the form with the files behind these fields the request's body.
template <class Fill>
void encode_form(const std::vector<attached_file>& files, http::request& output, Fill&& add_fields) {
    thread_local xoshiro256 random{std::random_device()()};
    http::form_data form(random);
    add_fields(form);
    for (const attached_file& each : files)
        form.add_file(each.field, each.file.name, each.file.content_type, each.file.source);
    std::move(form).attach_to(output);
}

// One part of a target, in which nothing has a meaning of its own.
void append_encoded(std::string& target, std::string_view text) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const bool is_plain = byte < 0x80 && (std::isalnum(byte) != 0 || std::strchr("-._~", c) != nullptr);
        if (is_plain && c != '\0')
            target += c;
        else
            target.append({'%', digits[byte >> 4], digits[byte & 0xf]});
    }
}

// Whether the text may be an error in a form that calls itself one, told without parsing it. Inside a string
// the quotes are escaped.
bool mentions_error(std::string_view json) noexcept {
    constexpr std::string_view needle = "\"error\"";
    return memmem(json.data(), json.size(), needle.data(), needle.size()) != nullptr;
}

// Chunks, then [DONE]: chat and the completions of old.
class chunk_stream_decoder final : public stream_decoder {
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

struct typed_event {
    std::string type{};
};

bool ends_with_any(std::string_view type, std::span<const std::string_view> endings) {
    return std::any_of(endings.begin(), endings.end(),
                       [type](std::string_view ending) { return type.ends_with(ending); });
}

// Events that say by their type what they are and which is the last: responses, images, transcriptions.
class event_stream_decoder final : public stream_decoder {
public:
    /// @param pictures  that are to be completed, where the stream is one of pictures.
    explicit event_stream_decoder(std::int64_t pictures) : pictures_(pictures) {}

    result<void> on_frame(const frame& input, frame_sink& output) override {
        if (done_) return {};
        if (input.data == "[DONE]") return finish(output);
        const result<typed_event> event = json::read<typed_event>(input.data, json::read_options::lenient());
        if (!event) return event.error();
        if (event->type == "error" || event->type.empty()) {
            explanation said = explain(input.data).value_or(explanation());
            if (event->type.empty() && !said.is_error)
                return fault(errc::protocol, "an event of the stream has no type");
            return make_fault(std::move(said));
        }
        if (event->type == "response.failed") return failure(input.data);
        output.chunk(input.data);
        // transcript.text.done is the last of its kind; response.output_text.done is not.
        constexpr std::array<std::string_view, 3> last{"response.completed", "response.incomplete",
                                                       "transcript.text.done"};
        constexpr std::array<std::string_view, 2> picture{"image_generation.completed",
                                                          "image_edit.completed"};
        const bool is_last =
            ends_with_any(event->type, last) || (ends_with_any(event->type, picture) && --pictures_ <= 0);
        return is_last ? finish(output) : result<void>();
    }

    result<void> on_end(frame_sink&) override {
        if (done_) return {};
        return fault(errc::protocol, "the stream ended without its last event: the reply is truncated");
    }

private:
    result<void> finish(frame_sink& output) {
        done_ = true;
        output.done();
        return {};
    }
    // {"response":{"error":{"code":...,"message":...}}}: what failed explains itself as any answer does.
    static fault failure(std::string_view data) {
        explanation said;
        if (const result<object_members> event = json::members(data))
            said = explain(value_of(*event, "response")).value_or(explanation());
        return make_fault(std::move(said));
    }

    std::int64_t pictures_;
    bool done_ = false;
};

class byte_stream_decoder final : public stream_decoder {
public:
    [[nodiscard]] connector::framing framing() const noexcept override { return framing::none; }
    result<void> on_frame(const frame& input, frame_sink& output) override {
        output.chunk(input.data);
        return {};
    }
    result<void> on_end(frame_sink&) override { return {}; }
};

} // namespace

void openai_compatible::authorize(const target& to, http::headers& output) const {
    if (!to.api_key.empty()) output.set("Authorization", "Bearer " + std::string(to.api_key));
}

result<void> openai_compatible::encode(const prepared_request& input, const target& to,
                                       http::request& output) const {
    output.method = "POST";
    output.target = std::string(to.base_path).append(path_of(input.operation()));
    output.headers.set("Accept", input.operation() == operation::speech ? "*/*"
                                 : input.stream()                       ? "text/event-stream"
                                                                        : "application/json");
    authorize(to, output.headers);
    if (!input.files().empty()) {
        encode_form(input.files(), output, [&](http::form_data& form) {
            for_each_member(input, to, [&form](std::string_view name, std::string_view value) {
                add_field(form, std::string(name), value);
            });
        });
        return {};
    }
    output.headers.set("Content-Type", "application/json");
    std::string& body = output.body;
    body.clear();
    body.reserve(input.size() + to.model.size() + 64);
    body += '{';
    for_each_member(input, to, [&body](std::string_view name, std::string_view value) {
        append_member(body, name, value);
    });
    if (input.stream() && has_stream_options(input.operation())) {
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
    if (f.kind() == errc::rate_limit && !f.retry_after)
        f.retry_after = until_limits_reset(answer.headers, wall);
    return f;
}

std::unique_ptr<stream_decoder> openai_compatible::open_stream(const prepared_request& input) const {
    switch (input.operation()) {
    case operation::chat_completion:
    case operation::text_completion:
        return std::make_unique<chunk_stream_decoder>();
    case operation::speech:
        return std::make_unique<byte_stream_decoder>();
    default: {
        const result<std::int64_t> pictures = json::read<std::int64_t>(input.find("n"));
        return std::make_unique<event_stream_decoder>(pictures ? *pictures : 1);
    }
    }
}

result<void> openai_compatible::encode_object(const object_call& input, const target& to,
                                              http::request& output) const {
    output.method = input.method;
    output.target = to.base_path;
    for (const std::string& segment : input.path) append_encoded(output.target += '/', segment);
    char before = '?';
    for (const auto& [name, value] : input.query) {
        append_encoded(output.target += std::exchange(before, '&'), name);
        append_encoded(output.target += '=', value);
    }
    output.headers.set("Accept", input.is_binary     ? "*/*"
                                 : input.is_streamed ? "text/event-stream"
                                                     : "application/json");
    authorize(to, output.headers);
    if (input.files.empty() && input.json.empty()) return {};
    if (input.files.empty()) {
        output.headers.set("Content-Type", "application/json");
        output.body = input.json;
        return {};
    }
    const std::string_view json = input.json.empty() ? std::string_view("{}") : input.json;
    const result<object_members> members = json::members(json);
    if (!members) return members.error();
    encode_form(input.files, output, [&](http::form_data& form) {
        for (const json::member& m : *members) add_field(form, m.name, m.value);
    });
    return {};
}

std::unique_ptr<stream_decoder> openai_compatible::open_object_stream(const object_call&) const {
    return std::make_unique<event_stream_decoder>(1);
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
        std::vector<std::string> capabilities = capabilities_of(entry.id);
        models.push_back(model_info{std::move(entry.id), std::move(capabilities)});
    }
    return models;
}

std::vector<std::string> openai_compatible::capabilities_of(std::string_view model) const {
    for (const naming& one : namings) {
        if (!has_word(model, one.words)) continue;
        std::vector<std::string> capabilities;
        if (!one.capability.empty()) capabilities.emplace_back(one.capability);
        const bool is_exception = !one.but_without.empty() && contains_lower(model, one.but_without);
        if (!one.another.empty() && !is_exception) capabilities.emplace_back(one.another);
        return capabilities;
    }
    return {std::string(capability_of(operation::chat_completion))};
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
