-- A state of version 1, as the first release wrote it.
BEGIN TRANSACTION;
CREATE TABLE claim (
    id INTEGER PRIMARY KEY,
    shard TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    spec TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    model TEXT NOT NULL,
    requests INTEGER NOT NULL,
    -- A JSON list of [SHA-256, lines, bytes] of the files that were made for it.
    parts TEXT NOT NULL,
    phase TEXT NOT NULL CHECK (phase IN ('claimed', 'uploaded', 'sending', 'created', 'collected', 'released')),
    claimed_at REAL NOT NULL,
    sending_at REAL,
    released_at REAL,
    release_reason TEXT,
    collected_at REAL,
    file_ids TEXT,
    job_id TEXT UNIQUE,
    UNIQUE (shard, attempt)
) STRICT;
INSERT INTO "claim" VALUES(1,'9bb30d71ddf831befcea16f973951da7',1,'demo','/v1/chat/completions','mistral-small-latest',4,'[["6c14c84bcbfdfd6f1ca189e43648be7fbd4fb11647a12356589ea5fad6a588b1", 4, 384]]','collected',1.79539961431512093545e+09,1.79539961437739682193e+09,NULL,NULL,1.79539961447474408153e+09,'["2ee3d43b-58ac-46df-911f-24a8d244548f"]','c9923971-4b1e-456b-a955-2b987e074a3c');
INSERT INTO "claim" VALUES(2,'3b8c202403514976c297155af3dedbe4',1,'second','/v1/chat/completions','mistral-small-latest',4,'[["3f149e17700c4f405b25fef602622dd797fee81421e6fb03d1e7bf28e6963917", 4, 388]]','collected',1.79539961527109432218e+09,1.7953996153474411964e+09,NULL,NULL,1.7953996154667038917e+09,'["650ac1cf-b1e3-4116-9ce0-a7c70a4eee25"]','06440048-54c6-4320-8049-e0d5e65b78ea');
INSERT INTO "claim" VALUES(3,'ead9ba6edcdc67fa86c8c7c56f13b47f',1,'second','/v1/chat/completions','mistral-small-latest',1,'[["111f877fb6ebc20c1420a143ef806b5c1163aa2f0f7f943841ea8b578e043737", 1, 97]]','collected',1.79539961549917244905e+09,1.79539961560273408892e+09,NULL,NULL,1.79539961568268227574e+09,'["e2fc08b9-6b8f-44dd-bbba-3fb10418b4c9"]','111fa1eb-2a51-46a9-a70b-cb4e725e7394');
INSERT INTO "claim" VALUES(4,'ead9ba6edcdc67fa86c8c7c56f13b47f',2,'second','/v1/chat/completions','mistral-small-latest',1,'[["111f877fb6ebc20c1420a143ef806b5c1163aa2f0f7f943841ea8b578e043737", 1, 97]]','collected',1.79539961571516299247e+09,1.795399615748234272e+09,NULL,NULL,1.79539961579070448879e+09,'["e2fc08b9-6b8f-44dd-bbba-3fb10418b4c9"]','727f8063-f95e-4cd7-b160-5515579dee92');
INSERT INTO "claim" VALUES(5,'ead9ba6edcdc67fa86c8c7c56f13b47f',3,'second','/v1/chat/completions','mistral-small-latest',1,'[["111f877fb6ebc20c1420a143ef806b5c1163aa2f0f7f943841ea8b578e043737", 1, 97]]','created',1.7953996165753941536e+09,1.79539961660274434091e+09,NULL,NULL,NULL,'["e2fc08b9-6b8f-44dd-bbba-3fb10418b4c9"]','57f99ec1-0056-4d96-a23e-07336eac5cb4');
INSERT INTO "claim" VALUES(6,'75d52e4af6d7b6281b861de77e48b26d',1,'third','/v1/chat/completions','mistral-small-latest',4,'[["1c01f3ff24bca31f25246357461883eb62b79e85b14ae6f115a6f98154df45f5", 4, 392]]','sending',1.79539961749109649655e+09,1.7953996175868167877e+09,NULL,NULL,NULL,'["95318a2f-d24a-4454-8ded-9fecd7d2c26a"]',NULL);
CREATE TABLE claim_line (
    claim_id INTEGER NOT NULL REFERENCES claim (id),
    line INTEGER NOT NULL,
    custom_id TEXT NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (claim_id, line)
) STRICT, WITHOUT ROWID;
INSERT INTO "claim_line" VALUES(5,1,'r0',X'C8D55A4C57E2FA2E45CF44CF4A444A88');
INSERT INTO "claim_line" VALUES(6,1,'r0',X'42E637D151893DFBBCA8B376C4C4D9B6');
INSERT INTO "claim_line" VALUES(6,2,'r1',X'B8AEB56428167A19BAC36FAA566FCABD');
INSERT INTO "claim_line" VALUES(6,3,'r2',X'5948A53E74944113BFCBD15E98D0D0AE');
INSERT INTO "claim_line" VALUES(6,4,'r3',X'E587E9B522C1E7DE27BD9D28FBE07F09');
CREATE TABLE declared (
    spec_id INTEGER NOT NULL REFERENCES spec (id),
    custom_id TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (spec_id, custom_id)
) STRICT, WITHOUT ROWID;
INSERT INTO "declared" VALUES(1,'r0',X'D139CC9385F9F6B333BAF59DD0FE13F0ED3DB2CC096A5C51221EAE8A7781016A');
INSERT INTO "declared" VALUES(1,'r1',X'9CFAD33BAD95CE09BB38BB3721AA89A7722532E54015FE887CAB4DD828F32244');
INSERT INTO "declared" VALUES(1,'r2',X'E318A8F231DA4103555B563AB7F3FDC11CDEE514C8A613838F8143B873B2F178');
INSERT INTO "declared" VALUES(1,'r3',X'3D87455E7BA2BB553F27EF5995F62B35654B5033F928940E83BEDB2344099935');
INSERT INTO "declared" VALUES(2,'r0',X'0681FAA46F79184457171A16953CA97D85366913B61677BBB9506D8A6EBE5987');
INSERT INTO "declared" VALUES(2,'r1',X'C47B2EF8F6696E49C4B9EC210C97342F5499E9705C4DD9DCF26E54D4802CBE2A');
INSERT INTO "declared" VALUES(2,'r2',X'EA9FDEE8BA8C6DB7B83B910C8F64D4008C88DCF30DE665972C03A1C946C94750');
INSERT INTO "declared" VALUES(2,'r3',X'F7ED63581F814664F4AA4B176CC6D5F90977CD95FCECB875B306C9C60C4A86CF');
INSERT INTO "declared" VALUES(3,'r0',X'9E3D502AA25842757BDA6F0B15CFC1CA2ACEEECA99802DE962BB0585F759E93C');
INSERT INTO "declared" VALUES(3,'r1',X'AB095AFB35186E6287775CCBA8CA44647CF897AFDA413387F021D5A5503A6CED');
INSERT INTO "declared" VALUES(3,'r2',X'A8D22E28C4E171AB42C5784DEAB5638E0A7BF39324EB014602ED5C7967B28235');
INSERT INTO "declared" VALUES(3,'r3',X'727180E212A3F53500EB1A7B9060E77B7C3E4A91FA75A4E144AAD6C46C9D04D7');
CREATE TABLE file (
    sha256 TEXT PRIMARY KEY,
    file_id TEXT NOT NULL,
    filename TEXT NOT NULL,
    size INTEGER,
    lines INTEGER
) STRICT, WITHOUT ROWID;
INSERT INTO "file" VALUES('111f877fb6ebc20c1420a143ef806b5c1163aa2f0f7f943841ea8b578e043737','e2fc08b9-6b8f-44dd-bbba-3fb10418b4c9','batchspec-111f877fb6ebc20c1420a143ef806b5c.jsonl',97,1);
INSERT INTO "file" VALUES('1c01f3ff24bca31f25246357461883eb62b79e85b14ae6f115a6f98154df45f5','95318a2f-d24a-4454-8ded-9fecd7d2c26a','batchspec-1c01f3ff24bca31f25246357461883eb.jsonl',392,4);
INSERT INTO "file" VALUES('3f149e17700c4f405b25fef602622dd797fee81421e6fb03d1e7bf28e6963917','650ac1cf-b1e3-4116-9ce0-a7c70a4eee25','batchspec-3f149e17700c4f405b25fef602622dd7.jsonl',388,4);
INSERT INTO "file" VALUES('6c14c84bcbfdfd6f1ca189e43648be7fbd4fb11647a12356589ea5fad6a588b1','2ee3d43b-58ac-46df-911f-24a8d244548f','batchspec-6c14c84bcbfdfd6f1ca189e43648be7f.jsonl',384,4);
CREATE TABLE job (
    id TEXT PRIMARY KEY,
    claim_id INTEGER NOT NULL REFERENCES claim (id),
    status TEXT NOT NULL,
    status_text TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    model TEXT,
    agent_id TEXT,
    input_files TEXT NOT NULL,
    output_file TEXT,
    error_file TEXT,
    errors TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    completed_at INTEGER,
    total_requests INTEGER NOT NULL,
    completed_requests INTEGER NOT NULL,
    succeeded_requests INTEGER NOT NULL,
    failed_requests INTEGER NOT NULL,
    -- When its files, and when its record, were deleted at the provider.
    files_deleted_at REAL,
    deleted_at REAL
) STRICT, WITHOUT ROWID;
INSERT INTO "job" VALUES('06440048-54c6-4320-8049-e0d5e65b78ea',2,'SUCCESS','SUCCESS','/v1/chat/completions','mistral-small-latest',NULL,'["650ac1cf-b1e3-4116-9ce0-a7c70a4eee25"]','e1ada2e4-f3c1-4f36-b644-17fc565890a4','16c8338a-f814-4e04-b9f9-ad2d548ed80f','[]',1795399615,1795399615,1795399615,4,4,3,1,NULL,NULL);
INSERT INTO "job" VALUES('111fa1eb-2a51-46a9-a70b-cb4e725e7394',3,'SUCCESS','SUCCESS','/v1/chat/completions','mistral-small-latest',NULL,'["e2fc08b9-6b8f-44dd-bbba-3fb10418b4c9"]',NULL,'fe2f9818-bc43-40b6-8478-d75cd783ac15','[]',1795399615,1795399615,1795399615,1,1,0,1,NULL,NULL);
INSERT INTO "job" VALUES('57f99ec1-0056-4d96-a23e-07336eac5cb4',5,'QUEUED','QUEUED','/v1/chat/completions','mistral-small-latest',NULL,'["e2fc08b9-6b8f-44dd-bbba-3fb10418b4c9"]',NULL,NULL,'[]',1795399616,NULL,NULL,0,0,0,0,NULL,NULL);
INSERT INTO "job" VALUES('727f8063-f95e-4cd7-b160-5515579dee92',4,'SUCCESS','SUCCESS','/v1/chat/completions','mistral-small-latest',NULL,'["e2fc08b9-6b8f-44dd-bbba-3fb10418b4c9"]',NULL,'7aaf7ce5-2ed5-48d1-91e4-20249de27cfd','[]',1795399615,1795399615,1795399615,1,1,0,1,NULL,NULL);
INSERT INTO "job" VALUES('c9923971-4b1e-456b-a955-2b987e074a3c',1,'SUCCESS','SUCCESS','/v1/chat/completions','mistral-small-latest',NULL,'["2ee3d43b-58ac-46df-911f-24a8d244548f"]','4e78d0b5-715c-4de8-bcfe-7eafe39cec0d','fc8d24b4-fd43-4f70-8bab-627b8180539e','[]',1795399614,1795399614,1795399614,4,4,3,1,NULL,NULL);
CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "meta" VALUES('compared_at','1795399614.264888');
INSERT INTO "meta" VALUES('project_id','00000000-0000-4000-8000-000000000001');
INSERT INTO "meta" VALUES('provider','mistral');
CREATE TABLE output (
    path TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "output" VALUES('results/demo.jsonl','1978:1795399615801620691:2302338');
INSERT INTO "output" VALUES('results/second.jsonl','1984:1795399615813389223:2302327');
CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY,
    job_id TEXT NOT NULL,
    reason TEXT NOT NULL,
    line BLOB NOT NULL,
    at REAL NOT NULL
) STRICT;
CREATE TABLE request (
    digest BLOB PRIMARY KEY,
    status INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    claim_id INTEGER NOT NULL,
    result_id INTEGER
) STRICT, WITHOUT ROWID;
INSERT INTO "request" VALUES(X'42E637D151893DFBBCA8B376C4C4D9B6',1,1,6,NULL);
INSERT INTO "request" VALUES(X'47AB961ED28B90BF6F18027A2CE52FF0',2,1,2,7);
INSERT INTO "request" VALUES(X'5948A53E74944113BFCBD15E98D0D0AE',1,1,6,NULL);
INSERT INTO "request" VALUES(X'8C32F9A054D1FDF9FD3244691A90A5C8',3,1,1,4);
INSERT INTO "request" VALUES(X'A9F2FEDD473283099CC85454244B28F0',2,1,2,6);
INSERT INTO "request" VALUES(X'B332D78E9FBA15A46D71985ABBF191BC',2,1,2,5);
INSERT INTO "request" VALUES(X'B8AEB56428167A19BAC36FAA566FCABD',1,1,6,NULL);
INSERT INTO "request" VALUES(X'C8D55A4C57E2FA2E45CF44CF4A444A88',1,4,5,8);
INSERT INTO "request" VALUES(X'CF0044F0A2AE665B918E0D10A03FE33F',2,1,1,1);
INSERT INTO "request" VALUES(X'E587E9B522C1E7DE27BD9D28FBE07F09',1,1,6,NULL);
INSERT INTO "request" VALUES(X'FB4DD0B07D14FBFA27E9D6F22E8FE7EF',2,1,1,2);
INSERT INTO "request" VALUES(X'FE3342B9341287D5F715D54F64FA43A2',2,1,1,3);
CREATE TABLE result (
    id INTEGER PRIMARY KEY,
    digest BLOB NOT NULL,
    claim_id INTEGER NOT NULL REFERENCES claim (id),
    outcome TEXT NOT NULL,
    status_code INTEGER,
    body TEXT,
    error TEXT,
    prompt_tokens INTEGER,
    completion_tokens INTEGER
) STRICT;
INSERT INTO "result" VALUES(1,X'CF0044F0A2AE665B918E0D10A03FE33F',1,'succeeded',200,'{"id":"emulated-1f3363b15ce281aa75a5b36b","object":"chat.completion","created":1718885553,"model":"mistral-small-latest","choices":[{"index":0,"message":{"role":"assistant","content":"[emulated mistral-small-latest] Say word 1","tool_calls":null},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":11,"total_tokens":14}}',NULL,3,11);
INSERT INTO "result" VALUES(2,X'FB4DD0B07D14FBFA27E9D6F22E8FE7EF',1,'succeeded',200,'{"id":"emulated-1d51d715408e27929845d7cd","object":"chat.completion","created":1718862741,"model":"mistral-small-latest","choices":[{"index":0,"message":{"role":"assistant","content":"[emulated mistral-small-latest] Say word 0","tool_calls":null},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":11,"total_tokens":14}}',NULL,3,11);
INSERT INTO "result" VALUES(3,X'FE3342B9341287D5F715D54F64FA43A2',1,'succeeded',200,'{"id":"emulated-7fb03d20a10051d47fd3d12c","object":"chat.completion","created":1729344416,"model":"mistral-small-latest","choices":[{"index":0,"message":{"role":"assistant","content":"[emulated mistral-small-latest] Say word 2","tool_calls":null},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":11,"total_tokens":14}}',NULL,3,11);
INSERT INTO "result" VALUES(4,X'8C32F9A054D1FDF9FD3244691A90A5C8',1,'failed',400,NULL,'Injected fault 400',NULL,NULL);
INSERT INTO "result" VALUES(5,X'B332D78E9FBA15A46D71985ABBF191BC',2,'succeeded',200,'{"id":"emulated-bb5f86258d8afd44e0d98070","object":"chat.completion","created":1721535653,"model":"mistral-small-latest","choices":[{"index":0,"message":{"role":"assistant","content":"[emulated mistral-small-latest] Sing word 1","tool_calls":null},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":11,"total_tokens":14}}',NULL,3,11);
INSERT INTO "result" VALUES(6,X'A9F2FEDD473283099CC85454244B28F0',2,'succeeded',200,'{"id":"emulated-30dc8f407dd74575e9208d0c","object":"chat.completion","created":1731360960,"model":"mistral-small-latest","choices":[{"index":0,"message":{"role":"assistant","content":"[emulated mistral-small-latest] Sing word 2","tool_calls":null},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":11,"total_tokens":14}}',NULL,3,11);
INSERT INTO "result" VALUES(7,X'47AB961ED28B90BF6F18027A2CE52FF0',2,'succeeded',200,'{"id":"emulated-d24cbcfd2cb428a4bfdce2de","object":"chat.completion","created":1727748477,"model":"mistral-small-latest","choices":[{"index":0,"message":{"role":"assistant","content":"[emulated mistral-small-latest] Sing word 3","tool_calls":null},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":11,"total_tokens":14}}',NULL,3,11);
INSERT INTO "result" VALUES(8,X'C8D55A4C57E2FA2E45CF44CF4A444A88',4,'failed',503,NULL,'Injected fault 503',NULL,NULL);
CREATE TABLE spec (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    path TEXT NOT NULL,
    models TEXT NOT NULL
) STRICT;
INSERT INTO "spec" VALUES(1,'demo','demo.batchspec.yaml','["mistral-small-latest"]');
INSERT INTO "spec" VALUES(2,'second','second.batchspec.yaml','["mistral-small-latest"]');
INSERT INTO "spec" VALUES(3,'third','third.batchspec.yaml','["mistral-small-latest"]');
CREATE INDEX claim_by_phase ON claim (phase);
CREATE VIEW open_jobs AS
    SELECT claim.spec, claim.model, job.id, job.status_text AS status, job.total_requests, job.completed_requests,
           datetime(job.created_at, 'unixepoch') AS created
    FROM job JOIN claim ON claim.job_id = job.id WHERE claim.phase = 'created';
CREATE VIEW failures AS
    SELECT claim.spec, claim.model, lower(hex(result.digest)) AS request, result.outcome, result.status_code,
           result.error
    FROM result JOIN claim ON claim.id = result.claim_id WHERE result.outcome <> 'succeeded';
CREATE VIEW usage_by_spec AS
    SELECT claim.spec, claim.model, count(*) AS answers, sum(result.prompt_tokens) AS prompt_tokens,
           sum(result.completion_tokens) AS completion_tokens
    FROM result JOIN claim ON claim.id = result.claim_id GROUP BY claim.spec, claim.model;
PRAGMA user_version = 1;
COMMIT;
