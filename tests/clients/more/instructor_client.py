"""instructor against a server. BASE_URL MODEL"""
import sys

import instructor
import openai
import pydantic

BASE_URL, MODEL = sys.argv[1:3]


# Bounded, since a small model may not end a text by itself.
class Person(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")
    name: str = pydantic.Field(max_length=12)
    age: int = pydantic.Field(ge=0, le=150)


client = instructor.from_openai(openai.OpenAI(base_url=BASE_URL + "/v1", api_key="none", max_retries=0),
                                mode=instructor.Mode.JSON_SCHEMA)
person = client.chat.completions.create(model=MODEL, response_model=Person, max_tokens=200, max_retries=1,
                                        messages=[{"role": "user", "content": "Ann is 30 years old."}])
assert isinstance(person, Person)
print("JSON_SCHEMA: a response model")
