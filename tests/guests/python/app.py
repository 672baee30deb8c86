"""A protocol of files in boxes, in Python: nothing of it was made for Rust.

It is written against the world `caretaker` of `wit/` alone. To build it by hand, in this folder:

    pip install componentize-py==0.25.1
    componentize-py -d ../../../wit -w caretaker componentize app -o ../../../plugins/drawer.wasm

With `bindings FOLDER` instead of `componentize …` it writes the interfaces as Python, with their
documentation, for an editor.

What to know:

- The file is 19 MB, CPython with its library; the host compiles it once, in some 10 seconds on
  one core. A request costs 2 to 3 ms and 13 MiB, since each gets an interpreter of its own, as it
  was when the build had imported this module: what runs at import runs there, without a host.
- An exception that nobody catches ends this one request with a 500; its traceback goes to the
  host's log. There are no files, sockets or variables, and `random` was seeded by the build:
  time and chance are asked of the host. (Built with `--stub-wasi` it does without any WASI; then
  `time` and `open` trap instead of raising, and so does a traceback, which nobody gets to see.)
- An error of the contract is raised as `Err`, its case in `value`. An argument of another type
  than the contract's, also a `str` with half a surrogate pair, ends the instance: parse first.
- What the host opened is closed when its object goes, or at the end of `with`.
- Such a component imports every function of the contract, called or not: it is loaded by hosts of
  the contract it was built against, and newer ones.

    GET    /boxes                      the boxes that the caller may read
    GET    /boxes/{box}                its index
    GET    /boxes/{box}/{name}         a file
    PUT    /boxes/{box}/{name}         stores a file, once
    POST   /boxes/{box}/{name}         the same, of gzip files only
    DELETE /boxes/{box}/{name}         removes it; `?version=` says which
    POST   /uploads/{box}/{name}       begins an upload in pieces
    PATCH  /uploads/{id}?at=           appends a piece
    PUT    /uploads/{id}?sha256=       ends it
    POST   /passes/{box}               a signed access token that reads the box, for the caller
    GET    /day                        what else a plugin may ask of its host

The index of a box is derived from its files: `packhouse reindex` writes it anew, `verify` compares,
and `gc` removes files that no index names.
"""

import json
import re
from urllib.parse import parse_qs, unquote

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import about, auth, clock, digests, log, random, settings, storage, types, upkeep, uploads
from wit_world.imports.http import Body, Request, Response, SaveOptions

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
SHA256 = "sha256"
GZIP = b"\x1f\x8b"


class Refused(Exception):
    """What a client is told: a status and a sentence."""

    def __init__(self, status: int, why: str):
        self.status, self.why = status, why


class Maintenance(exports.Maintenance):
    """One box a step."""

    def collect(self, step: upkeep.Step) -> None:
        for box in next_box(step):
            files = files_of(box)
            named = (read_index(box) or {}).keys()
            for name, info in files.items():
                if name in named:
                    continue
                if (info.modified or 0) >= step.keep_since():
                    step.kept(1, info.size)
                    continue
                if not step.is_dry_run():
                    storage.remove(info.key, types.Precondition_Version(info.version))
                step.left_over(info.key, info.size, f"no index of {box} names it")
            step.checked(len(files), 0)

    def reindex(self, step: upkeep.Step) -> None:
        for box in next_box(step):
            index = {name: entry_of(info) for name, info in files_of(box).items()}
            if (read_index(box) or {}) == index:
                continue
            if not step.is_dry_run():
                change_index(box, lambda there: (there.clear(), there.update(index)))
            step.rebuilt(index_key(box))

    def verify(self, step: upkeep.Step) -> None:
        for box in next_box(step):
            files = files_of(box)
            for name, entry in (read_index(box) or {}).items():
                info = files.get(name)
                if info is None:
                    step.damaged(file_key(box, name), "the index names it, and it is not there")
                elif entry_of(info) != entry:
                    step.damaged(file_key(box, name), "it is not what the index says")
            step.checked(len(files), sum(info.size for info in files.values()))


def next_box(step: upkeep.Step):
    """The box of this step, and where the next one goes on."""
    page = storage.list_objects(
        storage.ListingOptions("files/", folders=True, after=step.cursor(), limit=1)
    )
    if page.next is not None:
        step.set_cursor(page.next)
    return [folder.split("/")[1] for folder in page.folders]


def files_of(box: str) -> dict[str, types.ObjectInfo]:
    files: dict[str, types.ObjectInfo] = {}
    after = None
    while True:
        page = storage.list_objects(storage.ListingOptions(f"files/{box}/", folders=False, after=after, limit=1000))
        files.update({info.key.split("/")[2]: info for info in page.objects})
        after = page.next
        if after is None:
            return files


def entry_of(info: types.ObjectInfo) -> dict:
    computed = storage.digests(info.key, [SHA256])
    return {"size": info.size, "sha256": computed[0].hex if computed else None, "version": info.version}


def read_index(box: str) -> dict | None:
    document = storage.get(index_key(box))
    return json.loads(document.bytes) if document else None


class Handler(exports.Handler):
    def describe(self) -> about.Description:
        description = about.Description("drawer", "Files in boxes", "0.1.0")
        description.add_scope("box", ["read", "write", "remove"], "read")
        description.add_feature("removal", True, "files can be removed")
        description.set_failure_shape("application/json", '{"drawer":"{message}"}')
        return description

    def handle(self, request: Request) -> Response:
        try:
            return answer(request)
        except Refused as refused:
            return in_json(refused.status, {"drawer": refused.why})
        except Err as error:
            status, why = explained(error.value)
            return in_json(status, {"drawer": why})
        # Whatever else is raised ends this instance, and the host answers.


def answer(request: Request) -> Response:
    # Split first: what is decoded may hold a `/`.
    segments = [unquote(segment) for segment in request.path().split("/")[1:]]
    match request.method(), segments:
        case "GET", ["boxes"]:
            return boxes()
        case "GET", ["boxes", box]:
            return index_of(parsed(box))
        case "GET", ["boxes", box, name]:
            return show(parsed(box), parsed(name))
        case "PUT", ["boxes", box, name]:
            return save(request.body(), parsed(box), parsed(name))
        case "POST", ["boxes", box, name]:
            return save_gzip(request.body(), parsed(box), parsed(name))
        case "DELETE", ["boxes", box, name]:
            return remove(parsed(box), parsed(name), queried(request, "version"))
        case "POST", ["uploads", box, name]:
            return begin(parsed(box), parsed(name))
        case "PATCH", ["uploads", upload]:
            return append(upload, queried(request, "at"), request.body())
        case "PUT", ["uploads", upload]:
            return finish(upload, queried(request, SHA256))
        case "POST", ["passes", box]:
            return pass_for(parsed(box))
        case "GET", ["day"]:
            return day()
        case "GET", ["mistake"]:
            raise KeyError("a mistake of the plugin's own")
    raise Refused(404, "there is nothing here")


def boxes() -> Response:
    names: list[str] = []
    after = None
    while True:
        page = storage.list_objects(storage.ListingOptions("files/", folders=True, after=after, limit=1000))
        names += [folder.split("/")[1] for folder in page.folders]
        after = page.next
        if after is None:
            return in_json(200, auth.filter_allowed("box", names, "read"))


def index_of(box: str) -> Response:
    require(box, "read")
    index = read_index(box)
    if index is None:
        raise Refused(404, f"there is no box {box}")
    return in_json(200, index)


def show(box: str, name: str) -> Response:
    require(box, "read")
    response = Response(200)
    if response.write_object(file_key(box, name)) is None:
        raise Refused(404, f"{box} holds no {name}")
    return response


def save(body: Body, box: str, name: str) -> Response:
    require(box, "write")
    options = SaveOptions(
        limit=None, compute=[SHA256], expect=[], precondition=types.Precondition_Absent(), content_type=None
    )
    saved = body.save(file_key(box, name), options)
    return entered(box, name, saved.info, saved.digests[0].hex)


def save_gzip(body: Body, box: str, name: str) -> Response:
    require(box, "write")
    # What is not committed is gone at the end of the block.
    with body.stage(None, [SHA256]) as staged:
        if staged.read_at(0, len(GZIP)) != GZIP:
            raise Refused(400, "that is no gzip file")
        info = staged.commit(file_key(box, name), [], types.Precondition_Absent(), "application/gzip")
        return entered(box, name, info, staged.digests()[0].hex)


def remove(box: str, name: str, version: str | None) -> Response:
    if not settings.feature("removal"):
        raise Refused(403, "files cannot be removed here")
    require(box, "remove")
    precondition = types.Precondition_Any() if version is None else types.Precondition_Version(version)
    if not storage.remove(file_key(box, name), precondition):
        raise Refused(404, f"{box} holds no {name}")
    change_index(box, lambda index: index.pop(name, None))
    return Response(204)


def begin(box: str, name: str) -> Response:
    require(box, "write")
    upload = uploads.Upload.start(f"{box}/{name}", [SHA256])
    return in_json(201, {"upload": upload.id()})


def append(id: str, at: str | None, body: Body) -> Response:
    upload, _, _ = opened(id)
    return in_json(200, {"offset": upload.append(whole_number(at), body.length(), body)})


def finish(id: str, sha256: str | None) -> Response:
    upload, box, name = opened(id)
    if sha256 is None:
        raise Refused(400, "say ?sha256=")
    expected = types.Digest(SHA256, sha256)
    info = upload.finish(file_key(box, name), [expected], types.Precondition_Absent(), None)
    return entered(box, name, info, sha256.lower())


def opened(id: str) -> tuple[uploads.Upload, str, str]:
    """An upload that the caller may write to, with the box and the name of its file."""
    upload = uploads.Upload.open(id)
    if upload is None:
        raise Refused(404, "there is no such upload")
    box, name = upload.label().split("/")
    require(box, "write")
    return upload, box, name


def pass_for(box: str) -> Response:
    wanted = [auth.Wanted("box", box, ["read"])]
    signed = auth.sign_access(auth.caller(), "", wanted)
    response = in_json(201, {"pass": signed.secret, "seconds": signed.lifetime_seconds})
    challenge = auth.bearer_challenge("/passes", wanted)
    if challenge is not None:
        response.set_header("www-authenticate", challenge)
    return response


def day() -> Response:
    log.write(log.Level.INFO, "asked for the day", [("by", "python")])
    lot = random.bytes(16)
    day = {
        "greeting": json.loads(settings.get()).get("greeting", "hello"),
        "lot": lot.hex(),
        "now": clock.now(),
        "sha256": digests.of_bytes(lot, [SHA256])[0].hex,
    }
    return in_json(200, day)


def entered(box: str, name: str, info: types.ObjectInfo, sha256: str) -> Response:
    """Writes a stored file into the index of its box."""
    entry = {"size": info.size, "sha256": sha256, "version": info.version}
    change_index(box, lambda index: index.update({name: entry}))
    return in_json(201, entry)


def change_index(box: str, change) -> None:
    """By compare-and-swap: what others write meanwhile stays."""

    def swap(key: str) -> None:
        there = storage.get(key)
        index = json.loads(there.bytes) if there else {}
        before = types.Precondition_Version(there.info.version) if there else types.Precondition_Absent()
        change(index)
        storage.put(key, json.dumps(index).encode(), before, "application/json")

    undisturbed(index_key(box), swap)


def undisturbed(key: str, work):
    """Works on an object, and again when somebody else changed it meanwhile."""
    attempt = 0
    while True:
        try:
            return work(key)
        except Err as error:
            if not isinstance(error.value, types.Error_Conflict):
                raise
        attempt += 1
        storage.wait_turn(key, attempt)


def require(box: str, action: str) -> None:
    match auth.check("box", box, action):
        case auth.Decision.SIGN_IN:
            raise Refused(401, auth.rejection() or "sign in first")
        case auth.Decision.FORBIDDEN:
            raise Refused(403, f"you may not {action} {box}")


def explained(error: types.Error) -> tuple[int, str]:
    """What an error of the host means to a client."""
    match error:
        case types.Error_NotFound():
            return 404, "it is not there"
        case types.Error_Conflict():
            return 409, "somebody else was first, or it is there already"
        case types.Error_DigestMismatch(mismatch):
            return 400, f"the digest is {mismatch.computed.hex}"
        case types.Error_TooLarge(limit):
            return 413, f"more than {limit} bytes"
        case types.Error_Truncated():
            return 400, "not all of it came"
        case types.Error_Invalid(why):
            return 400, why
        case types.Error_Denied(why):
            return 403, why
        case types.Error_Unavailable(why):
            return 503, why
        case types.Error_Other(failure):
            return 507 if failure.code == "storage-full" else 500, failure.message


def parsed(name: str) -> str:
    """Names become keys: nothing else may be in them."""
    if not NAME.fullmatch(name):
        raise Refused(400, "a name is up to 64 of a-z, 0-9, `.`, `_` and `-`")
    return name


def whole_number(text: str | None) -> int | None:
    if text is None:
        return None
    if not re.fullmatch("[0-9]{1,18}", text):
        raise Refused(400, "?at= is a number of bytes")
    return int(text)


def queried(request: Request, name: str) -> str | None:
    return parse_qs(request.query() or "").get(name, [None])[0]


def file_key(box: str, name: str) -> str:
    return f"files/{box}/{name}"


def index_key(box: str) -> str:
    return f"indexes/{box}.json"


def in_json(status: int, value) -> Response:
    response = Response(status)
    response.set_header("content-type", "application/json")
    response.write(json.dumps(value).encode())
    return response
