// Fine-tuning jobs as OpenAI's wire format has them.
#pragma once

#include <modelmesh/api/chat/message.hpp>
#include <modelmesh/api/page.hpp>
#include <modelmesh/api/route.hpp>
#include <modelmesh/json/fields.hpp>
#include <modelmesh/json/types.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

namespace modelmesh::fine_tuning {

/// "auto", or a number.
using whole_or_auto = std::variant<std::string, std::int64_t>;
using number_or_auto = std::variant<std::string, double>;

/// Which of them there are depends on the method.
struct hyperparameters {
    json::maybe<whole_or_auto> batch_size{};
    json::maybe<number_or_auto> learning_rate_multiplier{};
    json::maybe<whole_or_auto> n_epochs{};
    json::maybe<number_or_auto> beta{};          ///< dpo
    json::maybe<std::string> reasoning_effort{}; ///< this and the rest: reinforcement
    json::maybe<number_or_auto> compute_multiplier{};
    json::maybe<whole_or_auto> eval_interval{};
    json::maybe<whole_or_auto> eval_samples{};
    json::extra extra{};

    friend bool operator==(const hyperparameters&, const hyperparameters&) = default;
};

// ----------------------------------------------------------------------------------------------------
// graders: what an answer is worth

/// `type` says which of the other members are set.
struct grader_part {
    std::string type{}; ///< input_text, output_text, input_image, input_audio
    json::maybe<std::string> text{};
    json::maybe<std::string> image_url{};
    json::maybe<std::string> detail{};
    json::maybe<chat::input_audio> input_audio{};
    json::maybe<chat::cache_breakpoint> prompt_cache_breakpoint{};
    json::extra extra{};

    friend bool operator==(const grader_part&, const grader_part&) = default;
};

struct grader_message {
    std::string role{}; ///< user, assistant, system, developer
    std::variant<std::string, grader_part, std::vector<std::variant<std::string, grader_part>>> content{};
    json::maybe<std::string> type{}; ///< message
    json::extra extra{};

    friend bool operator==(const grader_message&, const grader_message&) = default;
};

struct string_check {
    std::string type = "string_check";
    std::string name{};
    std::string input{};
    std::string reference{};
    std::string operation{}; ///< eq, ne, like, ilike
    json::extra extra{};

    static constexpr json::tag json_tag{"type", "string_check"};
    friend bool operator==(const string_check&, const string_check&) = default;
};

struct text_similarity {
    std::string type = "text_similarity";
    std::string name{};
    std::string input{};
    std::string reference{};
    std::string evaluation_metric{}; ///< cosine, fuzzy_match, bleu, gleu, meteor, rouge_1 to rouge_5, rouge_l
    json::extra extra{};

    static constexpr json::tag json_tag{"type", "text_similarity"};
    friend bool operator==(const text_similarity&, const text_similarity&) = default;
};

struct python_grader {
    std::string type = "python";
    std::string name{};
    std::string source{};
    json::maybe<std::string> image_tag{};
    json::extra extra{};

    static constexpr json::tag json_tag{"type", "python"};
    friend bool operator==(const python_grader&, const python_grader&) = default;
};

struct sampling {
    json::maybe<std::int64_t> seed{};
    json::maybe<double> top_p{};
    json::maybe<double> temperature{};
    json::maybe<std::int64_t> max_completions_tokens{};
    json::maybe<std::string> reasoning_effort{};
    json::extra extra{};

    friend bool operator==(const sampling&, const sampling&) = default;
};

struct score_model {
    std::string type = "score_model";
    std::string name{};
    std::string model{};
    json::maybe<sampling> sampling_params{};
    std::vector<grader_message> input{};
    json::maybe<std::vector<double>> range{}; ///< lowest and highest score
    json::extra extra{};

    static constexpr json::tag json_tag{"type", "score_model"};
    friend bool operator==(const score_model&, const score_model&) = default;
};

struct label_model {
    std::string type = "label_model";
    std::string name{};
    std::string model{};
    std::vector<grader_message> input{};
    std::vector<std::string> labels{};
    std::vector<std::string> passing_labels{};
    json::extra extra{};

    static constexpr json::tag json_tag{"type", "label_model"};
    friend bool operator==(const label_model&, const label_model&) = default;
};

/// A grader of a type that is newer than these, or several under names: the members are in `extra`.
struct other_grader {
    json::maybe<std::string> type{};
    json::extra extra{};

    friend bool operator==(const other_grader&, const other_grader&) = default;
};

using simple_grader =
    std::variant<string_check, text_similarity, python_grader, score_model, label_model, other_grader>;

/// Several graders, and a formula of their names.
struct multi_grader {
    std::string type = "multi";
    std::string name{};
    std::variant<simple_grader, std::vector<simple_grader>> graders{};
    std::string calculate_output{};
    json::extra extra{};

    static constexpr json::tag json_tag{"type", "multi"};
    friend bool operator==(const multi_grader&, const multi_grader&) = default;
};

using grader = std::variant<string_check, text_similarity, python_grader, score_model, label_model,
                            multi_grader, other_grader>;

// ----------------------------------------------------------------------------------------------------
// jobs

struct tuning {
    json::maybe<fine_tuning::grader> grader{}; ///< of reinforcement
    json::maybe<fine_tuning::hyperparameters> hyperparameters{};
    json::extra extra{};

    friend bool operator==(const tuning&, const tuning&) = default;
};

/// `type` says which of the other members may be set.
struct method {
    std::string type{}; ///< supervised, dpo, reinforcement
    json::maybe<tuning> supervised{};
    json::maybe<tuning> dpo{};
    json::maybe<tuning> reinforcement{};
    json::extra extra{};

    friend bool operator==(const method&, const method&) = default;
};

struct wandb {
    std::string project{};
    json::maybe<std::string> name{};
    json::maybe<std::string> entity{};
    json::maybe<std::vector<std::string>> tags{};
    json::extra extra{};

    friend bool operator==(const wandb&, const wandb&) = default;
};

struct integration {
    std::string type = "wandb";
    json::maybe<fine_tuning::wandb> wandb{};
    json::extra extra{};

    friend bool operator==(const integration&, const integration&) = default;
};

struct request {
    std::string model{};         ///< which is to be tuned
    std::string training_file{}; ///< id of a file, as all of these
    json::maybe<std::string> validation_file{};
    json::maybe<fine_tuning::method> method{};
    json::maybe<fine_tuning::hyperparameters>
        hyperparameters{};             ///< deprecated by OpenAI: they are in `method`
    json::maybe<std::string> suffix{}; ///< of the tuned model's name
    json::maybe<std::int64_t> seed{};
    json::maybe<std::vector<integration>> integrations{};
    json::maybe<std::map<std::string, std::string>> metadata{};
    json::extra extra{};

    friend bool operator==(const request&, const request&) = default;
};

/// Why a job failed.
struct failure {
    json::maybe<std::string> code{}; // null, all three, where nothing has failed
    json::maybe<std::string> message{};
    json::maybe<std::string> param{};
    json::extra extra{};

    friend bool operator==(const failure&, const failure&) = default;
};

struct job {
    std::string id{};
    std::string object = "fine_tuning.job";
    std::int64_t created_at = 0; ///< seconds since 1970, as all of these
    json::maybe<std::int64_t> estimated_finish{};
    json::maybe<std::int64_t> finished_at{};
    std::string status{}; ///< validating_files, queued, running, succeeded, failed, cancelled
    json::maybe<failure> error{};
    std::string model{}; ///< which is being tuned
    json::maybe<std::string> fine_tuned_model{};
    std::string organization_id{};
    std::string training_file{};
    json::maybe<std::string> validation_file{};
    std::vector<std::string> result_files{};
    json::maybe<std::int64_t> trained_tokens{};
    json::maybe<fine_tuning::hyperparameters> hyperparameters{};
    json::maybe<fine_tuning::method> method{};
    std::int64_t seed = 0;
    json::maybe<std::vector<integration>> integrations{};
    json::maybe<std::map<std::string, std::string>> metadata{};
    json::maybe<route> x_modelmesh{}; ///< filled by the client
    json::extra extra{};

    friend bool operator==(const job&, const job&) = default;
};

struct event {
    std::string id{};
    std::string object = "fine_tuning.job.event";
    std::int64_t created_at = 0;
    std::string level{}; ///< info, warn, error
    std::string message{};
    json::maybe<std::string> type{}; ///< message, metrics
    json::maybe<json::raw> data{};
    json::extra extra{};

    friend bool operator==(const event&, const event&) = default;
};

struct metrics {
    json::maybe<double> step{};
    json::maybe<double> train_loss{};
    json::maybe<double> train_mean_token_accuracy{};
    json::maybe<double> valid_loss{};
    json::maybe<double> valid_mean_token_accuracy{};
    json::maybe<double> full_valid_loss{};
    json::maybe<double> full_valid_mean_token_accuracy{};
    json::extra extra{};

    friend bool operator==(const metrics&, const metrics&) = default;
};

struct checkpoint {
    std::string id{};
    std::string object = "fine_tuning.job.checkpoint";
    std::int64_t created_at = 0;
    std::string fine_tuning_job_id{};
    std::string fine_tuned_model_checkpoint{}; ///< a model's name
    std::int64_t step_number = 0;
    fine_tuning::metrics metrics{};
    json::extra extra{};

    friend bool operator==(const checkpoint&, const checkpoint&) = default;
};

/// Which of the jobs.
class query : public page {
public:
    query() = default;
    std::map<std::string, std::string> metadata; ///< of the jobs that are wanted
};

struct job_list {
    std::string object = "list";
    std::vector<job> data{};
    bool has_more = false;
    json::maybe<route> x_modelmesh{}; ///< filled by the client
    json::extra extra{};

    friend bool operator==(const job_list&, const job_list&) = default;
};

struct event_list {
    std::string object = "list";
    std::vector<event> data{};
    bool has_more = false;
    json::maybe<route> x_modelmesh{}; ///< filled by the client
    json::extra extra{};

    friend bool operator==(const event_list&, const event_list&) = default;
};

struct checkpoint_list {
    std::string object = "list";
    std::vector<checkpoint> data{};
    json::maybe<std::string> first_id{};
    json::maybe<std::string> last_id{};
    bool has_more = false;
    json::maybe<route> x_modelmesh{}; ///< filled by the client
    json::extra extra{};

    friend bool operator==(const checkpoint_list&, const checkpoint_list&) = default;
};

} // namespace modelmesh::fine_tuning
