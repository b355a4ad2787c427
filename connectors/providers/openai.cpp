#include "openai.hpp"

#include <algorithm>
#include <array>

namespace modelmesh::connector {
namespace {

// The connector serves other vendors' servers as well (OPENAI_BASE_URL), whose names mean other things.
bool is_openais_name(std::string_view model) {
    const bool is_numbered = model.size() > 1 && model[0] == 'o' && model[1] >= '0' && model[1] <= '9';
    return is_numbered || model.starts_with("gpt-") || model.starts_with("codex-") ||
           model.starts_with("computer-use");
}

} // namespace

result<void> openai::encode(const prepared_request& input, const target& to, http::request& output) const {
    // Of the models that edit pictures, only dall-e-2 makes others like one. No capability tells them apart, so the
    // pool's next model is asked instead.
    constexpr std::array<std::string_view, 2> others{"gpt", "chatgpt"};
    if (input.operation() == operation::image_variation &&
        (has_word(to.model, others) || to.model == "dall-e-3")) {
        fault f(errc::unsupported, "the model makes no others like a picture: at OpenAI only dall-e-2 does");
        f.param = "model";
        return f;
    }
    if (input.operation() == operation::transcription && input.stream() && to.model == "whisper-1") {
        fault f(errc::unsupported, "whisper-1 does not stream transcriptions, as gpt-4o-transcribe does");
        f.param = "stream";
        return f;
    }
    constexpr std::array<std::string_view, 1> transcribing{"transcribe"};
    if (input.operation() == operation::translation && has_word(to.model, transcribing)) {
        fault f(errc::unsupported, "the model does not translate speech: at OpenAI only whisper-1 does");
        f.param = "model";
        return f;
    }
    return openai_compatible::encode(input, to, output);
}

result<std::vector<model_info>> openai::decode_list_models(http::response&& answer) const {
    result<std::vector<model_info>> models = openai_compatible::decode_list_models(std::move(answer));
    if (!models) return models;
    // What a program gets that configures nothing but the key.
    constexpr std::array<std::string_view, 2> preferred{"gpt-4o", "gpt-4o-mini"};
    auto rest = models->begin();
    for (const std::string_view name : preferred) {
        const auto found =
            std::find_if(rest, models->end(), [name](const model_info& model) { return model.name == name; });
        if (found == models->end()) continue;
        std::rotate(rest, found, found + 1);
        ++rest;
    }
    return models;
}

std::vector<std::string> openai::capabilities_of(std::string_view model) const {
    // Offered through other endpoints than chat: the completions of old, or ones of their own.
    constexpr std::array<std::string_view, 1> completing{"instruct"};
    constexpr std::array<std::string_view, 4> others{"codex", "computer", "research", "pro"};
    if (is_openais_name(model) && has_word(model, completing))
        return {std::string(capability_of(operation::text_completion))};
    if (is_openais_name(model) && has_word(model, others)) return {};
    return openai_compatible::capabilities_of(model);
}

} // namespace modelmesh::connector
