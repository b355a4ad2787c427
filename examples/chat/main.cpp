// One question, one answer, and who gave it.
//   chat ["question"]      with OPENAI_API_KEY, OPENAI_BASE_URL, OLLAMA_HOST or VLLM_HOST set
#include <modelmesh/modelmesh.hpp>

#include <iostream>

modelmesh::task<> ask(std::string question) {
    modelmesh::client client = modelmesh::create("chat-completion");
    modelmesh::chat::request request;
    request.model = "chat-completion";
    request.messages = {modelmesh::chat::system("Answer in one sentence."), modelmesh::chat::user(question)};
    const modelmesh::chat::reply reply = co_await client.chat.completions.create(request);
    std::cout << reply.text() << "\n(" << reply.x_modelmesh->model << ", " << reply.usage->total_tokens
              << " tokens)\n";
}

int main(int argc, char** argv) {
    try {
        modelmesh::run(ask(argc > 1 ? argv[1] : "What is a coroutine?"));
        return 0;
    } catch (const modelmesh::error& failure) {
        std::cerr << "error: " << failure.what() << "\n";
        return 1;
    }
}
