// The older /v1/completions: text for a prompt, without messages.
#include "completion.hpp"
#include "endpoints.hpp"

namespace modelmesh::testing::detail {
namespace {

namespace json = boost::json;

constexpr std::int64_t most_choices = 128;
constexpr std::int64_t most_tokens = 1'000'000'000;

struct text_request {
    std::string model;
    std::vector<std::string> prompts; ///< a prompt of tokens as their numbers
    bool stream = false;
    bool include_usage = false;
    bool echo = false;
    std::size_t choices = 1; ///< for each prompt
    std::optional<std::uint64_t> limit;
    std::uint64_t prompt_tokens = 0;
};

class text_answer final : public answer {
public:
    text_answer(text_request request, const rule& how, const reply_context& context)
        : request_(std::move(request)), id_(numbered("cmpl-" + context.name + "-", context.serial)),
          created_(seconds_now()) {
        for (const std::string& prompt : request_.prompts) {
            generated_text said =
                generate_text(how, prompt, context.name, request_.model, request_.limit, false);
            finish_reasons_.push_back(how.finish_reason.value_or(said.limited ? "length" : "stop"));
            completion_tokens_ += said.tokens.size() * request_.choices;
            if (request_.echo) said.tokens.insert(said.tokens.begin(), prompt);
            texts_.push_back(std::move(said.tokens));
        }
        // The choices interleave: first the first token of each, then the second of each.
        const std::size_t choices = texts_.size() * request_.choices;
        for (std::size_t step = 0, open = choices; open != 0; ++step) {
            open = 0;
            for (std::size_t choice = 0; choice < choices; ++choice) {
                const std::size_t count = texts_[choice / request_.choices].size();
                if (step <= count) order_.push_back({choice, step});
                if (step < count) ++open;
            }
        }
    }

    delivery form() const override { return request_.stream ? delivery::events : delivery::whole; }

    std::string body() const override {
        json::array choices;
        for (std::size_t choice = 0; choice < texts_.size() * request_.choices; ++choice) {
            std::string text;
            for (const std::string& token : texts_[choice / request_.choices]) text += token;
            choices.push_back(choice_object(choice, text, finish_reason(choice)));
        }
        json::object out = head(std::move(choices));
        out["usage"] = chat_usage(request_.prompt_tokens, completion_tokens_);
        return json::serialize(out);
    }

    std::size_t event_count() const override { return order_.size() + (request_.include_usage ? 1 : 0); }

    stream_event event(std::size_t position) const override {
        if (position == order_.size()) {
            json::object last = head(json::array());
            last["usage"] = chat_usage(request_.prompt_tokens, completion_tokens_);
            return {json::serialize(last)};
        }
        const auto [choice, step] = order_[position];
        const std::vector<std::string>& tokens = texts_[choice / request_.choices];
        json::object said = step == tokens.size() ? choice_object(choice, "", finish_reason(choice))
                                                  : choice_object(choice, tokens[step], nullptr);
        json::object chunk = head(json::array{std::move(said)});
        if (request_.include_usage) chunk["usage"] = nullptr;
        return {json::serialize(chunk)};
    }

private:
    struct place {
        std::size_t choice = 0;
        std::size_t step = 0; ///< of its tokens; the number of tokens: the finish reason
    };

    json::value finish_reason(std::size_t choice) const {
        return json::value(finish_reasons_[choice / request_.choices]);
    }

    static json::object choice_object(std::size_t index, std::string_view text, const json::value& finish) {
        return {{"text", text}, {"index", index}, {"logprobs", nullptr}, {"finish_reason", finish}};
    }
    json::object head(json::array choices) const {
        return {{"id", id_},
                {"object", "text_completion"},
                {"created", created_},
                {"model", request_.model},
                {"choices", std::move(choices)},
                {"system_fingerprint", "fp_simulator"}};
    }

    text_request request_;
    std::string id_;
    std::int64_t created_ = 0;
    std::vector<std::vector<std::string>> texts_; ///< one for each prompt
    std::vector<std::string> finish_reasons_;
    std::vector<place> order_;
    std::uint64_t completion_tokens_ = 0;
};

} // namespace

model_request read_text_completion(const recorded_request& request) {
    const fields in(request.body);
    text_request out;
    out.model = in.model();
    const text_input prompt = read_text_input(in, "prompt");
    out.prompts = prompt.texts;
    out.prompt_tokens = prompt.tokens;
    out.stream = in.flag("stream");
    out.echo = in.flag("echo");
    out.choices = static_cast<std::size_t>(in.integer("n", 1, most_choices).value_or(1));
    if (const auto limit = in.integer("max_tokens", 0, most_tokens))
        out.limit = static_cast<std::uint64_t>(*limit);
    if (const json::value* options = in.find("stream_options"); options && options->is_object()) {
        if (!out.stream)
            throw invalid("The 'stream_options' parameter is only allowed when 'stream' is enabled.",
                          "stream_options");
        const json::value* usage = options->get_object().if_contains("include_usage");
        out.include_usage = usage != nullptr && usage->is_bool() && usage->get_bool();
    }
    return {out.model, out.stream, [out](const rule& how, const reply_context& context) {
                return std::make_shared<text_answer>(out, how, context);
            }};
}

} // namespace modelmesh::testing::detail
