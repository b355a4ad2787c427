// OpenAI's own service: the chat format, and what its list of models does not say.
#pragma once

#include <modelmesh/connector/openai_compatible.hpp>

namespace modelmesh::connector {

class openai final : public openai_compatible {
public:
    /// Errors: also unsupported, others like a picture of a model that makes none, and a streamed transcription of
    /// whisper-1, which ignores the wish and answers as a whole.
    result<void> encode(const prepared_request& input, const target& to,
                        http::request& output) const override;
    /// The list comes in no order that means anything: the models to prefer are put first.
    result<std::vector<model_info>> decode_list_models(http::response&& answer) const override;
    [[nodiscard]] std::string_view default_base_url() const noexcept override {
        return "https://api.openai.com/v1";
    }
    [[nodiscard]] std::vector<std::string> capabilities_of(std::string_view model) const override;
};

} // namespace modelmesh::connector
