"""OpenAI's client for Python against a server: openai_client.py BASE_URL MODEL. Holds for any model's words."""
import asyncio
import json
import sys
import unittest

import openai

BASE_URL, MODEL = sys.argv[1:3]
HELLO = [{"role": "system", "content": "be brief"}, {"role": "user", "content": [{"type": "text", "text": "say hello"}]}]
TOOL = {"type": "function", "function": {"name": "weather", "description": "of a town",
                                         "parameters": {"type": "object", "properties": {"town": {"type": "string"}}}}}


class Client(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.client = openai.OpenAI(base_url=BASE_URL, api_key="none", max_retries=0, timeout=60)

    @classmethod
    def tearDownClass(cls):
        cls.client.close()

    def chat(self, **settings):
        settings = {"model": MODEL, "messages": HELLO, "max_tokens": 8, "seed": 3} | settings
        return self.client.chat.completions.create(**settings)

    def test_models(self):
        self.assertIn(MODEL, [model.id for model in self.client.models.list()])
        self.assertEqual(self.client.models.retrieve(MODEL).id, MODEL)

    def test_a_chat_whole_and_streamed_is_the_same(self):
        whole = self.chat()
        self.assertEqual(whole.choices[0].message.role, "assistant")
        self.assertIn(whole.choices[0].finish_reason, ("stop", "length"))
        self.assertEqual(whole.usage.total_tokens, whole.usage.prompt_tokens + whole.usage.completion_tokens)
        self.assertLessEqual(whole.usage.completion_tokens, 8)
        text, reason, usage = "", None, None
        for chunk in self.chat(stream=True, stream_options={"include_usage": True}):
            usage = chunk.usage or usage
            for choice in chunk.choices:
                text += choice.delta.content or ""
                reason = choice.finish_reason or reason
        self.assertEqual(text, whole.choices[0].message.content)
        self.assertEqual(reason, whole.choices[0].finish_reason)
        self.assertEqual(usage.completion_tokens, whole.usage.completion_tokens)

    def test_completions(self):
        whole = self.client.completions.create(model=MODEL, prompt=["one", "two"], max_tokens=4, seed=1)
        self.assertEqual([choice.index for choice in whole.choices], [0, 1])
        texts = ["", ""]
        for chunk in self.client.completions.create(model=MODEL, prompt=["one", "two"], max_tokens=4, seed=1, stream=True):
            for choice in chunk.choices:
                texts[choice.index] += choice.text
        self.assertEqual(texts, [choice.text for choice in whole.choices])

    def test_stop_and_several_answers(self):
        answer = self.chat(n=2, temperature=0)
        self.assertEqual(len(answer.choices), 2)
        text = self.chat().choices[0].message.content
        self.assertGreater(len(text), 2)
        stop = text[len(text) // 2:][:3]
        cut = self.chat(stop=[stop]).choices[0]
        self.assertEqual(cut.finish_reason, "stop")
        self.assertEqual(cut.message.content, text[:text.index(stop)])

    def test_logprobs(self):
        answer = self.chat(logprobs=True, top_logprobs=2)
        tokens = answer.choices[0].logprobs.content
        self.assertEqual(len(tokens), answer.usage.completion_tokens)
        self.assertLessEqual(tokens[0].logprob, 0)
        self.assertEqual(len(tokens[0].top_logprobs), 2)

    def test_a_completion_with_its_prompt(self):
        answer = self.client.completions.create(model=MODEL, prompt="one two three", echo=True, logprobs=1, max_tokens=2)
        choice = answer.choices[0]
        self.assertTrue(choice.text.startswith("one two three"), choice.text)
        self.assertIsNone(choice.logprobs.token_logprobs[0])
        self.assertTrue(all(logprob <= 0 for logprob in choice.logprobs.token_logprobs[1:]))

    def test_embeddings(self):
        try:
            answer = self.client.embeddings.create(model=MODEL, input=["one", "two words"])
        except openai.BadRequestError as refused:  # a model that was not made for them
            self.assertIn("was not made for embeddings", str(refused))
            return
        first, second = (each.embedding for each in answer.data)
        self.assertEqual(len(first), len(second))
        self.assertAlmostEqual(sum(value * value for value in second), 1, places=5)
        self.assertEqual(answer.usage.total_tokens, answer.usage.prompt_tokens)
        numbers = self.client.embeddings.create(model=MODEL, input="two words", encoding_format="float").data[0].embedding
        self.assertTrue(all(abs(a - b) < 1e-4 for a, b in zip(second, numbers)))

    def test_tools_are_taken(self):
        self.assertTrue(self.chat(tools=[TOOL], tool_choice="auto").choices)

    def call_request(self, **settings):
        """A request that the fake model, which repeats the words of its prompt, answers with calls of the tool."""
        call = '<tool_call> {"name": "weather", "arguments": {"town": "Rivertown"}} </tool_call>'
        return self.chat(messages=[{"role": "user", "content": f"{call} {call} END"}], tools=[TOOL], stop=["END"],
                         max_tokens=None, **settings)

    @unittest.skipUnless(MODEL == "words", "needs a model that calls tools")
    def test_tool_calls_whole_and_streamed_are_the_same(self):
        choice = self.call_request().choices[0]
        self.assertEqual(choice.finish_reason, "tool_calls")
        whole = [(call.function.name, json.loads(call.function.arguments)) for call in choice.message.tool_calls]
        self.assertEqual(whole, [("weather", {"town": "Rivertown"})] * 2)
        self.assertEqual(len({call.id for call in choice.message.tool_calls}), 2)
        names, arguments, reason = [], [], None
        for chunk in self.call_request(stream=True):
            reason = chunk.choices[0].finish_reason or reason
            for part in chunk.choices[0].delta.tool_calls or []:
                if part.id:
                    names.append(part.function.name)
                    arguments.append("")
                arguments[part.index] += part.function.arguments or ""
        self.assertEqual([(name, json.loads(text)) for name, text in zip(names, arguments)], whole)
        self.assertEqual(reason, "tool_calls")

    @unittest.skipUnless(MODEL == "words", "needs a model that calls tools")
    def test_a_loop_of_tool_calls_ends(self):
        call = '<tool_call> {"name": "weather", "arguments": {"town": "Rivertown"}} </tool_call>'
        messages = [{"role": "user", "content": call}]
        for _ in range(3):
            message = self.chat(messages=messages, tools=[TOOL], parallel_tool_calls=False, max_tokens=None).choices[0].message
            self.assertEqual(len(message.tool_calls), 1)
            messages += [message, {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "sunny"}]
        last = self.chat(messages=messages, tools=[TOOL], tool_choice="none").choices[0]
        self.assertIsNone(last.message.tool_calls)
        self.assertTrue(last.message.content)

    @unittest.skipIf(MODEL == "words", "needs a model whose tokens are masked")
    def test_a_call_that_must_be_made_is_made(self):
        towns = {"type": "string", "enum": ["Rivertown", "Hillside"]}
        tool = {"type": "function", "function": {"name": "weather", "parameters": {
            "type": "object", "properties": {"town": towns}, "required": ["town"], "additionalProperties": False}}}
        for choice in ("required", {"type": "function", "function": {"name": "weather"}}):
            answer = self.chat(tools=[tool], tool_choice=choice, parallel_tool_calls=False, max_tokens=200).choices[0]
            self.assertEqual(answer.finish_reason, "tool_calls")
            self.assertEqual([call.function.name for call in answer.message.tool_calls], ["weather"])
            self.assertIn(json.loads(answer.message.tool_calls[0].function.arguments)["town"], towns["enum"])
        with self.assertRaises(openai.BadRequestError) as unknown:
            self.chat(tools=[tool], tool_choice={"type": "function", "function": {"name": "time"}})
        self.assertEqual(unknown.exception.param, "tool_choice")

    def test_the_result_of_a_tool_is_read(self):
        call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"town":"Rivertown"}'}}
        for assistant in ({"content": None}, {}, {"content": []}, {"content": [{"type": "refusal", "refusal": "no"}]}):
            self.assertTrue(self.chat(messages=[
                {"role": "user", "content": "What is the weather?"}, {"role": "assistant", "tool_calls": [call]} | assistant,
                {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "sunny"}]}]).choices)

    def test_errors_have_their_classes(self):
        with self.assertRaises(openai.NotFoundError) as unknown:
            self.chat(model="no-such-model")
        self.assertEqual(unknown.exception.code, "model_not_found")
        with self.assertRaises(openai.BadRequestError) as wrong:
            self.chat(extra_body={"temperature": "warm"})
        self.assertEqual(wrong.exception.param, "temperature")
        with self.assertRaises(openai.BadRequestError) as long:
            self.chat(messages=[{"role": "user", "content": "word " * 200_000}])
        self.assertEqual(long.exception.code, "context_length_exceeded")

    def test_a_response_whole_and_streamed_is_the_same(self):
        settings = {"model": MODEL, "input": "say hello", "instructions": "be brief", "max_output_tokens": 8,
                    "extra_body": {"seed": 3}}
        whole = self.client.responses.create(**settings)
        self.assertIn(whole.status, ("completed", "incomplete"))
        self.assertLessEqual(whole.usage.output_tokens, 8)
        text, last, numbers = "", None, []
        for event in self.client.responses.create(stream=True, **settings):
            numbers.append(event.sequence_number)
            if event.type == "response.output_text.delta":
                text += event.delta
            last = event
        self.assertEqual(text, whole.output_text)
        self.assertEqual(numbers, list(range(len(numbers))))
        self.assertEqual(last.response.output_text, whole.output_text)
        with self.client.responses.stream(**settings) as stream:
            gathered = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        self.assertEqual(gathered, whole.output_text)

    def test_responses_are_continued_and_deleted(self):
        first = self.client.responses.create(model=MODEL, input="one", max_output_tokens=4)
        again = self.client.responses.create(model=MODEL, input="two", max_output_tokens=4, previous_response_id=first.id)
        self.assertEqual(again.previous_response_id, first.id)
        self.assertEqual(self.client.responses.retrieve(first.id).output_text, first.output_text)
        self.client.responses.delete(first.id)
        with self.assertRaises(openai.NotFoundError):
            self.client.responses.retrieve(first.id)

    def test_functions_of_responses_are_taken(self):
        tool = {"type": "function", "name": "weather", "parameters": TOOL["function"]["parameters"], "strict": False}
        answer = self.client.responses.create(model=MODEL, max_output_tokens=4, tools=[tool], input=[
            {"role": "user", "content": "weather?"},
            {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": '{"town": "Ulm"}'},
            {"type": "function_call_output", "call_id": "c1", "output": "rain"}])
        self.assertTrue(answer.id)

    def test_a_stream_that_is_left(self):
        with self.chat(stream=True, max_tokens=None) as stream:
            next(iter(stream))
        self.assertTrue(self.chat().choices)

    def test_many_at_once(self):
        async def all_of_them():
            async with openai.AsyncOpenAI(base_url=BASE_URL, api_key="none", max_retries=0, timeout=60) as client:
                return await asyncio.gather(*(client.chat.completions.create(
                    model=MODEL, messages=HELLO, max_tokens=4, seed=i) for i in range(8)))
        self.assertEqual(len(asyncio.run(all_of_them())), 8)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
