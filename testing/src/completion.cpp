#include "completion.hpp"

#include "endpoints.hpp"

#include <array>

namespace modelmesh::testing::detail {
namespace {

namespace json = boost::json;

constexpr std::size_t max_choices = 128;
constexpr std::int64_t model_created = 1'700'000'000; // a fixed age: the list is the same on every run

/// Text of a message: a string, or the text parts of a list.
std::string text_of(const json::value* content) {
    if (content == nullptr) return {};
    if (content->is_string()) return std::string(content->get_string());
    std::string out;
    if (!content->is_array()) return out;
    for (const json::value& part : content->get_array())
        if (part.is_object())
            if (const json::value* text = part.get_object().if_contains("text"); text && text->is_string())
                out += std::string_view(text->get_string());
    return out;
}

std::optional<std::uint64_t> positive(const json::object& object, std::string_view key) {
    const json::value* value = object.if_contains(key);
    if (value == nullptr || !value->is_int64() || value->get_int64() < 1) return std::nullopt;
    return static_cast<std::uint64_t>(value->get_int64());
}

bool is_true(const json::object& object, std::string_view key) {
    const json::value* value = object.if_contains(key);
    return value != nullptr && value->is_bool() && value->get_bool();
}

json::object model_object(std::string_view id) {
    return {{"id", id}, {"object", "model"}, {"created", model_created}, {"owned_by", "modelmesh-simulator"}};
}

std::string filler(std::uint64_t tokens) {
    constexpr std::array<std::string_view, 8> words{"one",  "two", "three", "four",
                                                    "five", "six", "seven", "eight"};
    std::string out;
    for (std::uint64_t i = 0; i < tokens; ++i) {
        if (i != 0) out += ' ';
        out += words[i % words.size()];
    }
    return out;
}

} // namespace

std::variant<chat_request, refusal> read_chat_request(std::string_view body) {
    boost::system::error_code ec;
    const json::value document = json::parse(json::string_view(body.data(), body.size()), ec);
    if (ec || !document.is_object())
        return invalid("We could not parse the JSON body of your request. The API expects a JSON object.");
    const json::object& object = document.get_object();

    chat_request out;
    const json::value* model = object.if_contains("model");
    if (model == nullptr || !model->is_string() || model->get_string().empty())
        return invalid("you must provide a model parameter", "model");
    out.model = model->get_string();

    const json::value* messages = object.if_contains("messages");
    if (messages == nullptr)
        return invalid("Missing required parameter: 'messages'.", "messages", "missing_required_parameter");
    if (!messages->is_array() || messages->get_array().empty())
        return invalid("Invalid 'messages': expected a list of at least one message.", "messages",
                       "invalid_value");
    for (const json::value& message : messages->get_array()) {
        const json::value* role = message.is_object() ? message.get_object().if_contains("role") : nullptr;
        if (role == nullptr || !role->is_string())
            return invalid("Invalid 'messages': every message is an object with a role.", "messages",
                           "invalid_value");
        const std::string text = text_of(message.get_object().if_contains("content"));
        out.prompt_tokens += split_tokens(text).size() + 3; // three for the role and the separators
        if (role->get_string() == "user") out.question = text;
    }

    out.stream = is_true(object, "stream");
    if (const json::value* options = object.if_contains("stream_options"); options && options->is_object()) {
        if (!out.stream)
            return invalid("The 'stream_options' parameter is only allowed when 'stream' is enabled.",
                           "stream_options");
        out.include_usage = is_true(options->get_object(), "include_usage");
    }
    if (const json::value* choices = object.if_contains("n"); choices && !choices->is_null()) {
        const auto count = positive(object, "n");
        if (!count || *count > max_choices)
            return invalid("Invalid 'n': expected an integer from 1 to 128.", "n", "invalid_value");
        out.choices = *count;
    }
    out.limit = positive(object, "max_completion_tokens");
    if (!out.limit) out.limit = positive(object, "max_tokens");
    return out;
}

std::string model_body(std::string_view id) { return json::serialize(model_object(id)); }

std::string models_body(const std::vector<std::string>& ids) {
    json::array data;
    for (const std::string& id : ids) data.push_back(model_object(id));
    return json::serialize(json::object{{"object", "list"}, {"data", data}});
}

json::object chat_usage(std::uint64_t prompt, std::uint64_t completion) {
    return {{"prompt_tokens", prompt},
            {"completion_tokens", completion},
            {"total_tokens", prompt + completion},
            {"prompt_tokens_details", {{"cached_tokens", 0}, {"cache_write_tokens", 0}, {"audio_tokens", 0}}},
            {"completion_tokens_details",
             {{"reasoning_tokens", 0},
              {"audio_tokens", 0},
              {"accepted_prediction_tokens", 0},
              {"rejected_prediction_tokens", 0}}}};
}

generated_text generate_text(const rule& how, std::string_view question, std::string_view provider,
                             std::string_view model, std::optional<std::uint64_t> limit, bool calls) {
    generated_text out;
    if (how.text) {
        out.text = *how.text;
    } else if (how.tokens) {
        out.text = filler(*how.tokens);
    } else if (!calls) {
        out.text = "You asked: " + std::string(question) + " - this answer comes from " +
                   std::string(provider) + " as model " + std::string(model) + ", one token at a time.";
    }
    out.tokens = split_tokens(out.text);
    if (limit && out.tokens.size() > *limit) {
        out.limited = true;
        out.tokens.resize(*limit);
        out.text.clear();
        for (const std::string& token : out.tokens) out.text += token;
    }
    return out;
}

std::vector<std::string> split_arguments(const std::string& arguments) {
    std::vector<std::string> pieces = split_tokens(arguments);
    // Arguments written without blanks still come in two pieces, so that a reader has to join them.
    if (pieces.size() == 1 && pieces[0].size() > 1) {
        std::size_t half = pieces[0].size() / 2;
        while (half < pieces[0].size() && (pieces[0][half] & 0xC0) == 0x80)
            ++half; // never inside a character
        pieces = {pieces[0].substr(0, half), pieces[0].substr(half)};
    }
    return pieces;
}

model_request read_chat(const recorded_request& request) {
    const auto parsed = read_chat_request(request.body);
    if (const auto* refused = std::get_if<refusal>(&parsed)) throw *refused;
    const auto& chat = std::get<chat_request>(parsed);
    return {chat.model, chat.stream, [chat](const rule& how, const reply_context& context) {
                return std::make_shared<chat_answer>(chat, how, context.name, context.serial);
            }};
}

chat_answer::chat_answer(const chat_request& request, const rule& how, std::string_view provider,
                         std::uint64_t serial)
    : request_(request), serial_(serial), id_(numbered("chatcmpl-" + std::string(provider) + "-", serial)),
      created_(seconds_now()), calls_(how.tool_calls) {
    generated_text said =
        generate_text(how, request_.question, provider, request_.model, request_.limit, !calls_.empty());
    text_ = std::move(said.text);
    completion_tokens_ = said.tokens.size();
    for (std::string& token : said.tokens) fragments_.push_back({std::nullopt, false, std::move(token)});
    for (std::size_t call = 0; call < calls_.size(); ++call) {
        fragments_.push_back({call, true, {}});
        std::vector<std::string> pieces = split_arguments(calls_[call].arguments);
        completion_tokens_ += 1 + pieces.size();
        for (std::string& piece : pieces) fragments_.push_back({call, false, std::move(piece)});
    }
    completion_tokens_ *= request_.choices;
    finish_reason_ = how.finish_reason.value_or(said.limited     ? "length"
                                                : calls_.empty() ? "stop"
                                                                 : "tool_calls");
}

std::string chat_answer::call_id(std::size_t choice, std::size_t call) const {
    return numbered("call_", serial_) + "_" + std::to_string(choice * calls_.size() + call);
}

std::string chat_answer::body() const {
    json::array choices;
    for (std::size_t choice = 0; choice < request_.choices; ++choice) {
        json::object message{{"role", "assistant"}};
        message["content"] = text_.empty() && !calls_.empty() ? json::value(nullptr) : json::value(text_);
        message["refusal"] = nullptr;
        message["annotations"] = json::array();
        if (!calls_.empty()) {
            json::array calls;
            for (std::size_t call = 0; call < calls_.size(); ++call)
                calls.push_back(
                    {{"id", call_id(choice, call)},
                     {"type", "function"},
                     {"function", {{"name", calls_[call].name}, {"arguments", calls_[call].arguments}}}});
            message["tool_calls"] = std::move(calls);
        }
        choices.push_back({{"index", choice},
                           {"message", message},
                           {"logprobs", nullptr},
                           {"finish_reason", finish_reason_}});
    }
    return json::serialize(json::object{{"id", id_},
                                        {"object", "chat.completion"},
                                        {"created", created_},
                                        {"model", request_.model},
                                        {"choices", choices},
                                        {"usage", chat_usage(request_.prompt_tokens, completion_tokens_)},
                                        {"service_tier", "default"},
                                        {"system_fingerprint", "fp_simulator"}});
}

// Per choice: the role, every fragment, the finish reason; the choices interleave. Then the usage, when asked
// for.
std::size_t chat_answer::event_count() const {
    return (fragments_.size() + 2) * request_.choices + (request_.include_usage ? 1 : 0);
}

stream_event chat_answer::event(std::size_t position) const {
    const std::size_t step = position / request_.choices;
    const std::size_t choice = position % request_.choices;
    json::object chunk{{"id", id_},
                       {"object", "chat.completion.chunk"},
                       {"created", created_},
                       {"model", request_.model},
                       {"service_tier", "default"},
                       {"system_fingerprint", "fp_simulator"}};
    if (step > fragments_.size() + 1) {
        chunk["choices"] = json::array();
        chunk["usage"] = chat_usage(request_.prompt_tokens, completion_tokens_);
        return {json::serialize(chunk)};
    }

    json::object delta;
    json::value finish = nullptr;
    if (step == 0) {
        delta["role"] = "assistant";
        delta["content"] = text_.empty() && !calls_.empty() ? json::value(nullptr) : json::value("");
        delta["refusal"] = nullptr;
    } else if (step > fragments_.size()) {
        finish = finish_reason_;
    } else if (const fragment& piece = fragments_[step - 1]; !piece.call) {
        delta["content"] = piece.text;
    } else {
        json::object call{{"index", *piece.call}};
        json::object function;
        if (piece.opens) {
            call["id"] = call_id(choice, *piece.call);
            call["type"] = "function";
            function["name"] = calls_[*piece.call].name;
        }
        function["arguments"] = piece.text;
        call["function"] = std::move(function);
        delta["tool_calls"] = json::array{std::move(call)};
    }
    chunk["choices"] = json::array{
        json::object{{"index", choice}, {"delta", delta}, {"logprobs", nullptr}, {"finish_reason", finish}}};
    if (request_.include_usage) chunk["usage"] = nullptr;
    return {json::serialize(chunk)};
}

} // namespace modelmesh::testing::detail
