-- A store of schema 1: its tables and records as banyan wrote them then.
PRAGMA application_id=1112430926;
PRAGMA user_version=1;
BEGIN TRANSACTION;
CREATE TABLE call(
  run INTEGER NOT NULL REFERENCES run(number) ON DELETE CASCADE, call_id INTEGER NOT NULL,
  model TEXT NOT NULL, role TEXT NOT NULL, node_id INTEGER NOT NULL, why TEXT NOT NULL,
  answered INTEGER NOT NULL, accepted INTEGER NOT NULL, error TEXT, tokens_in INTEGER,
  tokens_out INTEGER, cost_usd REAL, seconds REAL, reply TEXT,
  PRIMARY KEY(run, call_id)) WITHOUT ROWID;
INSERT INTO "call" VALUES(1,3,'builtin:random','light',0,'drawn',1,3,'no idea',100,0,0.0,0.5,'{"proposals":[],"usage":{"tokens_in":100,"tokens_out":0,"tokens_cached":0,"tokens_reasoning":0,"cost_usd":0.0,"seconds":0.5},"error":"no idea"}');
INSERT INTO "call" VALUES(1,7,'builtin:random','light',0,'drawn',1,3,'no idea',100,0,0.0,0.5,'{"proposals":[],"usage":{"tokens_in":100,"tokens_out":0,"tokens_cached":0,"tokens_reasoning":0,"cost_usd":0.0,"seconds":0.5},"error":"no idea"}');
INSERT INTO "call" VALUES(1,11,'builtin:random','light',0,'drawn',1,3,'no idea',100,0,0.0,0.5,'{"proposals":[],"usage":{"tokens_in":100,"tokens_out":0,"tokens_cached":0,"tokens_reasoning":0,"cost_usd":0.0,"seconds":0.5},"error":"no idea"}');
CREATE TABLE event(
  run INTEGER NOT NULL REFERENCES run(number) ON DELETE CASCADE, event_index INTEGER NOT NULL,
  elapsed_s REAL NOT NULL, name TEXT NOT NULL, json TEXT NOT NULL,
  PRIMARY KEY(run, event_index)) WITHOUT ROWID;
INSERT INTO "event" VALUES(1,0,0.0,'reference','{"index":0,"elapsed_s":0.0,"event":"reference","reference":{"default_latency_ms":12.5,"samples_ms":[12.5,12.75],"stand_in":false,"wall_s":0.0},"peak_gflops":110.0,"budget":{"trials":32,"calls":8,"strong_calls":null,"tokens":null,"cost_usd":null,"seconds":null}}');
INSERT INTO "event" VALUES(1,1,0.25,'outcome','{"index":1,"elapsed_s":0.25,"event":"outcome","outcome":{"trial_id":1,"failure":"none","failure_text":"","samples_ms":[10.0,15.0,7.5],"stopped_early":false,"max_relative_error":0.25,"build_s":0.125,"run_s":0.0625}}');
INSERT INTO "event" VALUES(1,2,0.5,'outcome','{"index":2,"elapsed_s":0.5,"event":"outcome","outcome":{"trial_id":2,"failure":"none","failure_text":"","samples_ms":[5.0,7.5,3.75],"stopped_early":false,"max_relative_error":0.25,"build_s":0.125,"run_s":0.0625}}');
INSERT INTO "event" VALUES(1,3,0.75,'reply','{"index":3,"elapsed_s":0.75,"event":"reply","call_id":3,"reply":{"proposals":[],"usage":{"tokens_in":100,"tokens_out":0,"tokens_cached":0,"tokens_reasoning":0,"cost_usd":0.0,"seconds":0.5},"error":"no idea"}}');
INSERT INTO "event" VALUES(1,4,1.0,'outcome','{"index":4,"elapsed_s":1.0,"event":"outcome","outcome":{"trial_id":4,"failure":"none","failure_text":"","samples_ms":[2.5,3.75,1.875],"stopped_early":false,"max_relative_error":0.25,"build_s":0.125,"run_s":0.0625}}');
INSERT INTO "event" VALUES(1,5,1.25,'outcome','{"index":5,"elapsed_s":1.25,"event":"outcome","outcome":{"trial_id":5,"failure":"run_crash","failure_text":"killed by SIGSEGV","samples_ms":[],"stopped_early":false,"max_relative_error":0.0,"build_s":0.125,"run_s":0.0}}');
INSERT INTO "event" VALUES(1,6,1.5,'outcome','{"index":6,"elapsed_s":1.5,"event":"outcome","outcome":{"trial_id":6,"failure":"none","failure_text":"","samples_ms":[1.6666666666666667,2.5,1.25],"stopped_early":false,"max_relative_error":0.25,"build_s":0.125,"run_s":0.0625}}');
INSERT INTO "event" VALUES(1,7,1.75,'reply','{"index":7,"elapsed_s":1.75,"event":"reply","call_id":7,"reply":{"proposals":[],"usage":{"tokens_in":100,"tokens_out":0,"tokens_cached":0,"tokens_reasoning":0,"cost_usd":0.0,"seconds":0.5},"error":"no idea"}}');
INSERT INTO "event" VALUES(1,8,2.0,'outcome','{"index":8,"elapsed_s":2.0,"event":"outcome","outcome":{"trial_id":8,"failure":"none","failure_text":"","samples_ms":[1.25,1.875,0.9375],"stopped_early":false,"max_relative_error":0.25,"build_s":0.125,"run_s":0.0625}}');
INSERT INTO "event" VALUES(1,9,2.25,'outcome','{"index":9,"elapsed_s":2.25,"event":"outcome","outcome":{"trial_id":9,"failure":"none","failure_text":"","samples_ms":[1.1111111111111112,1.6666666666666667,0.8333333333333334],"stopped_early":false,"max_relative_error":0.25,"build_s":0.125,"run_s":0.0625}}');
INSERT INTO "event" VALUES(1,10,2.5,'outcome','{"index":10,"elapsed_s":2.5,"event":"outcome","outcome":{"trial_id":10,"failure":"run_crash","failure_text":"killed by SIGSEGV","samples_ms":[],"stopped_early":false,"max_relative_error":0.0,"build_s":0.125,"run_s":0.0}}');
INSERT INTO "event" VALUES(1,11,2.75,'reply','{"index":11,"elapsed_s":2.75,"event":"reply","call_id":11,"reply":{"proposals":[],"usage":{"tokens_in":100,"tokens_out":0,"tokens_cached":0,"tokens_reasoning":0,"cost_usd":0.0,"seconds":0.5},"error":"no idea"}}');
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO "meta" VALUES('schema_version','1');
CREATE TABLE node(
  run INTEGER NOT NULL REFERENCES run(number) ON DELETE CASCADE, node_id INTEGER NOT NULL,
  parent_id INTEGER NOT NULL, plan_hash TEXT NOT NULL, program_hash TEXT NOT NULL,
  delta TEXT NOT NULL, delta_is_plan INTEGER NOT NULL, origin TEXT NOT NULL,
  call_id INTEGER NOT NULL, prior REAL, reason TEXT NOT NULL,
  PRIMARY KEY(run, node_id)) WITHOUT ROWID;
INSERT INTO "node" VALUES(1,1,0,'ffffffffffffff01','0000000000000011','unroll(loop=C.k)
',1,'builtin:analytic',1,0.5,'it''s "quoted"	and ''so'' on');
INSERT INTO "node" VALUES(1,2,1,'ffffffffffffff02','0000000000000022','unroll(loop=C.k)
',0,'builtin:analytic',2,0.5,'it''s "quoted"	and ''so'' on');
INSERT INTO "node" VALUES(1,3,2,'ffffffffffffff03','0000000000000033','unroll(loop=C.k)
',1,'builtin:analytic',3,0.5,'it''s "quoted"	and ''so'' on');
INSERT INTO "node" VALUES(1,4,3,'ffffffffffffff04','0000000000000044','unroll(loop=C.k)
',0,'builtin:analytic',4,0.5,'it''s "quoted"	and ''so'' on');
INSERT INTO "node" VALUES(1,5,4,'ffffffffffffff05','0000000000000055','unroll(loop=C.k)
',1,'builtin:analytic',5,0.5,'it''s "quoted"	and ''so'' on');
INSERT INTO "node" VALUES(1,6,5,'ffffffffffffff06','0000000000000066','unroll(loop=C.k)
',0,'builtin:analytic',6,0.5,'it''s "quoted"	and ''so'' on');
INSERT INTO "node" VALUES(1,7,6,'ffffffffffffff07','0000000000000077','unroll(loop=C.k)
',1,'builtin:analytic',7,0.5,'it''s "quoted"	and ''so'' on');
INSERT INTO "node" VALUES(1,8,7,'ffffffffffffff08','0000000000000088','unroll(loop=C.k)
',0,'builtin:analytic',8,0.5,'it''s "quoted"	and ''so'' on');
INSERT INTO "node" VALUES(1,9,8,'ffffffffffffff09','0000000000000099','unroll(loop=C.k)
',1,'builtin:analytic',9,0.5,'it''s "quoted"	and ''so'' on');
INSERT INTO "node" VALUES(1,10,9,'ffffffffffffff0a','00000000000000aa','unroll(loop=C.k)
',0,'builtin:analytic',10,0.5,'it''s "quoted"	and ''so'' on');
INSERT INTO "node" VALUES(1,11,10,'ffffffffffffff0b','00000000000000bb','unroll(loop=C.k)
',1,'builtin:analytic',11,0.5,'it''s "quoted"	and ''so'' on');
CREATE TABLE run(
  number INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL UNIQUE, status TEXT NOT NULL,
  owner TEXT NOT NULL, created_unix_ms INTEGER NOT NULL,
  workload_hash TEXT NOT NULL REFERENCES workload(hash), workload_id TEXT NOT NULL,
  target_fingerprint TEXT NOT NULL REFERENCES target(fingerprint),
  strategy TEXT NOT NULL, seed TEXT NOT NULL, config TEXT NOT NULL, versions TEXT NOT NULL,
  result TEXT, error TEXT);
INSERT INTO "run" VALUES(1,'20261125-233232-1','finished','somewhere 1 1',1795649552813,'fedcba9876543210','matmul:M=64,N=64,K=64','8000000000000001','banyan','7','{"workload":"matmul:M=64","target":"host","cores":1,"seed":7,"budget":{"trials":32,"calls":8,"strong_calls":null,"tokens":null,"cost_usd":null,"seconds":null},"strategy":{"name":"banyan","loop":"tree","action_space":"plan","cost_model":"none","cost_model_warmup":0,"charge_failed_calls":true,"routing":"thompson","cost_unit":"auto","course_alteration":false,"proposals_per_call":8,"finalists":4,"racing":true,"transpositions":true,"transfer":true,"selection":"puct","puct_c":0.8,"virtual_loss":0.1,"backup":"max","mean_share":0.2,"value_floor":0.5,"widening_k":3.0,"widening_a":0.6,"free_fraction":0.5,"mutation":true,"crossover":true,"sampling":false,"trials_per_round":8,"random_share":0.05,"uct_c":1.41,"phi_weight":0.0,"generations":3,"expansions":3,"failures":2,"root_samples":3,"max_children":2,"ask_depth":2,"terminal_failures":5,"rollout_depth":500,"action_tries":3,"stop_at_failure":false,"duplicate_on_failure":false,"alteration_every":2},"pool":["builtin:analytic","builtin:random"],"measure":{"workers":2,"build_timeout_s":10.0,"run_timeout_s":10.0,"reference_timeout_s":300.0,"memory_limit_bytes":4294967296,"output_limit_bytes":1048576,"run_cpu":-1,"timing":{"number":3,"repeat":3,"min_repeat_ms":20.0,"stop_above_ms":null},"final_timing":{"number":3,"repeat":5,"min_repeat_ms":100.0,"stop_above_ms":null}}}','{"banyan":"0","tvm":"1"}','{"events":12}',NULL);
CREATE TABLE target(fingerprint TEXT PRIMARY KEY, cpu TEXT NOT NULL, record TEXT NOT NULL);
INSERT INTO "target" VALUES('8000000000000001','some-cpu','{"json":"{\"kind\": \"llvm\"}","cpu":"some-cpu","cpu_model":"","cores":1,"vector_bits":512,"vector_registers":16,"fma_units":2,"l1_bytes":32768,"l1_ways":8,"l2_bytes":1048576,"l3_bytes":0,"line_bytes":64,"fingerprint":"8000000000000001"}');
CREATE TABLE trial(
  run INTEGER NOT NULL REFERENCES run(number) ON DELETE CASCADE, trial_id INTEGER NOT NULL,
  node_id INTEGER NOT NULL, program_hash TEXT NOT NULL, plan TEXT NOT NULL,
  queued_s REAL, finished_s REAL, failure TEXT, failure_text TEXT, latency_ms REAL,
  samples_ms TEXT, stopped_early INTEGER, max_relative_error REAL, build_s REAL, run_s REAL,
  PRIMARY KEY(run, trial_id)) WITHOUT ROWID;
INSERT INTO "trial" VALUES(1,1,1,'abcdef0000000001','unroll(loop=C.k)
',NULL,0.25,'none','',10.0,'[10.0,15.0,7.5]',0,0.25,0.125,0.0625);
INSERT INTO "trial" VALUES(1,2,2,'abcdef0000000002','unroll(loop=C.k)
',NULL,0.5,'none','',5.0,'[5.0,7.5,3.75]',0,0.25,0.125,0.0625);
INSERT INTO "trial" VALUES(1,4,4,'abcdef0000000004','unroll(loop=C.k)
',NULL,1.0,'none','',2.5,'[2.5,3.75,1.875]',0,0.25,0.125,0.0625);
INSERT INTO "trial" VALUES(1,5,5,'abcdef0000000005','unroll(loop=C.k)
',NULL,1.25,'run_crash','killed by SIGSEGV',NULL,'[]',0,0.0,0.125,0.0);
INSERT INTO "trial" VALUES(1,6,6,'abcdef0000000006','unroll(loop=C.k)
',NULL,1.5,'none','',1.66666666666666674068e+00,'[1.6666666666666667,2.5,1.25]',0,0.25,0.125,0.0625);
INSERT INTO "trial" VALUES(1,8,8,'abcdef0000000008','unroll(loop=C.k)
',NULL,2.0,'none','',1.25,'[1.25,1.875,0.9375]',0,0.25,0.125,0.0625);
INSERT INTO "trial" VALUES(1,9,9,'abcdef0000000009','unroll(loop=C.k)
',NULL,2.25,'none','',1.11111111111111116045e+00,'[1.1111111111111112,1.6666666666666667,0.8333333333333334]',0,0.25,0.125,0.0625);
INSERT INTO "trial" VALUES(1,10,10,'abcdef000000000a','unroll(loop=C.k)
',NULL,2.5,'run_crash','killed by SIGSEGV',NULL,'[]',0,0.0,0.125,0.0);
CREATE TABLE workload(
  hash TEXT PRIMARY KEY, id TEXT NOT NULL, family TEXT NOT NULL, record TEXT NOT NULL,
  module_json TEXT NOT NULL);
INSERT INTO "workload" VALUES('fedcba9876543210','matmul:M=64,N=64,K=64','matmul','{"id":"matmul:M=64,N=64,K=64","family":"matmul","entry":"main","parameters":[{"name":"A","shape":[64,64],"dtype":"float32","is_output":false},{"name":"C","shape":[64,64],"dtype":"float32","is_output":true}],"flops":524288.0,"reduction_length":64,"hash":"fedcba9876543210"}','{"nodes": []}');
CREATE INDEX trial_program ON trial(program_hash);
COMMIT;
