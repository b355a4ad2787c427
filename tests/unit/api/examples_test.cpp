// The wire types against the examples in OpenAI's description of its API: each is read, and nothing of it is lost when
// it is written again.
#include "openapi.hpp"

#include <modelmesh/api/audio.hpp>
#include <modelmesh/api/batches.hpp>
#include <modelmesh/api/chat.hpp>
#include <modelmesh/api/embeddings.hpp>
#include <modelmesh/api/files.hpp>
#include <modelmesh/api/fine_tuning.hpp>
#include <modelmesh/api/images.hpp>
#include <modelmesh/api/models.hpp>
#include <modelmesh/api/moderations.hpp>
#include <modelmesh/api/responses.hpp>
#include <modelmesh/api/text_completions.hpp>
#include <modelmesh/api/uploads.hpp>
#include <modelmesh/json/read.hpp>
#include <modelmesh/json/write.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace modelmesh {
namespace {

namespace wire = boost::json;

/// Texts of people: with commas at the ends of lists, several documents in one text, events, and some that are no JSON.
class examples {
public:
    /// Those of a schema, and of the schemas of which it is one.
    examples& of_schema(std::string_view name) {
        if (!schemas_.insert(std::string(name)).second) return *this;
        const wire::object& schema = support::schemas().at(name).as_object();
        if (const wire::value* const example = schema.if_contains("example"))
            if (example->is_object()) documents_.push_back(*example);
        add_meta(schema, "example");
        for (const char* const kind : {"anyOf", "oneOf"})
            if (const wire::value* const list = schema.if_contains(kind))
                for (const wire::value& one : list->as_array())
                    if (const wire::value* const reference = one.as_object().if_contains("$ref")) {
                        const std::string_view path = reference->as_string();
                        of_schema(path.substr(path.rfind('/') + 1));
                    }
        return *this;
    }
    /// The answers of an operation: those which are streams when `streamed`, else the others.
    examples& of_operation(std::string_view path, std::string_view method, bool streamed = false) {
        const wire::object& operation = support::openapi().at("paths").at(path).at(method).as_object();
        const wire::value* const meta = operation.if_contains("x-oaiMeta");
        const wire::value* const list = meta == nullptr ? nullptr : meta->as_object().if_contains("examples");
        if (list == nullptr) return *this;
        const auto add_one = [&](const wire::value& one) {
            const wire::value* const text = one.as_object().if_contains("response");
            if (text == nullptr || !text->is_string()) return;
            const std::string_view answer = text->as_string();
            const bool is_stream = answer.find("data: ") != answer.npos || answer.find("\n{") != answer.npos;
            if (is_stream == streamed) add(answer);
        };
        if (!list->is_array()) {
            add_one(*list);
            return *this;
        }
        for (const wire::value& one : list->as_array()) add_one(one);
        return *this;
    }

    /// But for those which say this: their own schema does not allow them.
    examples& without(std::string_view text) {
        std::erase_if(documents_, [text](const wire::value& document) {
            return wire::serialize(document).find(text) != std::string::npos;
        });
        return *this;
    }

    [[nodiscard]] const std::vector<wire::value>& documents() const noexcept { return documents_; }
    [[nodiscard]] std::size_t no_json() const noexcept { return no_json_; }

private:
    void add_meta(const wire::object& from, const char* name) {
        const wire::value* const meta = from.if_contains("x-oaiMeta");
        if (meta == nullptr || !meta->is_object()) return;
        const wire::value* const text = meta->as_object().if_contains(name);
        if (text != nullptr && text->is_string()) add(text->as_string());
    }
    void add(std::string_view text) {
        if (add_document(text)) return;
        // A document, or an event, for each line.
        bool is_any = false;
        while (!text.empty()) {
            std::string_view line = text.substr(0, text.find('\n'));
            text.remove_prefix(std::min(line.size() + 1, text.size()));
            if (line.starts_with("data: ")) line.remove_prefix(6);
            if (line.starts_with('{')) is_any = add_document(line) || is_any;
        }
        if (!is_any) ++no_json_;
    }
    bool add_document(std::string_view text) {
        wire::parse_options human;
        human.allow_comments = human.allow_trailing_commas = true;
        wire::error_code failure;
        wire::value document = wire::parse(text, failure, {}, human);
        if (failure || !document.is_object()) return false;
        documents_.push_back(std::move(document));
        return true;
    }

    std::set<std::string> schemas_;
    std::vector<wire::value> documents_;
    std::size_t no_json_ = 0;
};

// Whether all that is in `part` is in `whole`, too. Null says no more than absence; numbers may have become floats.
bool is_within(const wire::value& part, const wire::value& whole) {
    if (part.is_object() && whole.is_object())
        return std::all_of(part.as_object().begin(), part.as_object().end(), [&whole](const auto& member) {
            const wire::value* const other = whole.as_object().if_contains(member.key());
            return other == nullptr ? member.value().is_null() : is_within(member.value(), *other);
        });
    if (part.is_array() && whole.is_array())
        return std::equal(part.as_array().begin(), part.as_array().end(), whole.as_array().begin(),
                          whole.as_array().end(), is_within);
    if (part.is_number() && whole.is_number()) {
        const double a = part.to_number<double>(), b = whole.to_number<double>();
        return std::abs(a - b) <= 1e-6 * std::abs(a);
    }
    return part == whole;
}

template <class T> void expect_kept(std::string_view what, const examples& all, std::size_t at_least) {
    std::printf("%s: %zu examples, and %zu that are no JSON\n", std::string(what).c_str(),
                all.documents().size(), all.no_json());
    EXPECT_GE(all.documents().size(), at_least) << what;
    for (const wire::value& document : all.documents()) {
        const std::string text = wire::serialize(document);
        const result<T> read = json::read<T>(text, json::read_options::lenient());
        ASSERT_TRUE(read) << what << ": " << read.error().message << "\n" << text;
        const std::string written = json::write(*read);
        EXPECT_TRUE(is_within(document, wire::parse(written))) << what << "\n" << text << "\n" << written;
    }
}

TEST(Examples, Chat) {
    expect_kept<chat::reply>(
        "chat replies",
        examples().of_schema("CreateChatCompletionResponse").of_operation("/chat/completions", "post"), 5);
    expect_kept<chat::chunk>("chat chunks",
                             examples()
                                 .of_schema("CreateChatCompletionStreamResponse")
                                 .of_operation("/chat/completions", "post", true),
                             6);
}
TEST(Examples, Responses) {
    expect_kept<responses::reply>("responses",
                                  examples()
                                      .of_schema("Response")
                                      .of_operation("/responses", "post")
                                      .of_operation("/responses/{response_id}", "get")
                                      .of_operation("/responses/{response_id}/cancel", "post"),
                                  10);
    expect_kept<responses::event>("response events",
                                  examples()
                                      .of_schema("ResponseStreamEvent")
                                      .of_operation("/responses", "post", true)
                                      .without(R"("created_at":"2021-)"),
                                  60);
    expect_kept<responses::item_list>(
        "input items",
        examples().of_schema("ResponseItemList").of_operation("/responses/{response_id}/input_items", "get"),
        2);
    expect_kept<deletion>("deleted responses", examples().of_operation("/responses/{response_id}", "delete"),
                          1);
}
TEST(Examples, TextCompletionsEmbeddingsAndModerations) {
    expect_kept<text_completions::reply>(
        "completions", examples().of_schema("CreateCompletionResponse").of_operation("/completions", "post"),
        2);
    expect_kept<moderations::reply>(
        "moderations", examples().of_schema("CreateModerationResponse").of_operation("/moderations", "post"),
        3);
}
TEST(Examples, Images) {
    expect_kept<images::reply>("images",
                               examples()
                                   .of_schema("ImagesResponse")
                                   .of_operation("/images/generations", "post")
                                   .of_operation("/images/variations", "post"),
                               3);
    expect_kept<images::event>(
        "image events", examples().of_schema("ImageGenStreamEvent").of_schema("ImageEditStreamEvent"), 4);
}
TEST(Examples, Audio) {
    expect_kept<audio::transcription>("transcriptions",
                                      examples()
                                          .of_schema("CreateTranscriptionResponseJson")
                                          .of_schema("CreateTranscriptionResponseVerboseJson")
                                          .of_schema("CreateTranscriptionResponseDiarizedJson")
                                          .of_operation("/audio/transcriptions", "post")
                                          .of_operation("/audio/translations", "post"),
                                      6);
    expect_kept<audio::speech_event>("speech events", examples().of_schema("CreateSpeechResponseStreamEvent"),
                                     2);
    expect_kept<audio::transcription_event>("events of transcriptions",
                                            examples()
                                                .of_schema("CreateTranscriptionResponseStreamEvent")
                                                .of_operation("/audio/transcriptions", "post", true),
                                            6);
}
TEST(Examples, ModelsFilesUploadsAndBatches) {
    expect_kept<models::model>("a model",
                               examples().of_schema("Model").of_operation("/models/{model}", "get"), 2);
    expect_kept<models::list>("models", examples().of_operation("/models", "get"), 1);
    expect_kept<files::file>("a file",
                             examples()
                                 .of_schema("OpenAIFile")
                                 .of_operation("/files", "post")
                                 .of_operation("/files/{file_id}", "get"),
                             3);
    expect_kept<files::list>("files", examples().of_operation("/files", "get"), 1);
    expect_kept<deletion>("deleted files", examples().of_operation("/files/{file_id}", "delete"), 1);
    expect_kept<deletion>("deleted models", examples().of_operation("/models/{model}", "delete"), 1);
    expect_kept<uploads::upload>("an upload",
                                 examples()
                                     .of_schema("Upload")
                                     .of_operation("/uploads", "post")
                                     .of_operation("/uploads/{upload_id}/complete", "post")
                                     .of_operation("/uploads/{upload_id}/cancel", "post"),
                                 4);
    expect_kept<uploads::part>(
        "parts", examples().of_schema("UploadPart").of_operation("/uploads/{upload_id}/parts", "post"), 2);
    expect_kept<batches::batch>("a batch",
                                examples()
                                    .of_schema("Batch")
                                    .of_operation("/batches", "post")
                                    .of_operation("/batches/{batch_id}", "get")
                                    .of_operation("/batches/{batch_id}/cancel", "post"),
                                4);
}
TEST(Examples, FineTuning) {
    const std::string one = "/fine_tuning/jobs/{fine_tuning_job_id}";
    expect_kept<fine_tuning::job>("a job",
                                  examples()
                                      .of_schema("FineTuningJob")
                                      .of_operation("/fine_tuning/jobs", "post")
                                      .of_operation(one, "get")
                                      .of_operation(one + "/cancel", "post"),
                                  6);
    expect_kept<fine_tuning::event_list>("job events", examples().of_operation(one + "/events", "get"), 1);
    expect_kept<fine_tuning::checkpoint_list>("checkpoints",
                                              examples().of_operation(one + "/checkpoints", "get"), 1);
}

} // namespace
} // namespace modelmesh
