BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('v3.2.0.a');
CREATE TABLE studies (
	study_id INTEGER NOT NULL, 
	study_name VARCHAR(512) NOT NULL, 
	PRIMARY KEY (study_id)
);
INSERT INTO "studies" VALUES(1,'digits');
INSERT INTO "studies" VALUES(2,'two-objectives');
INSERT INTO "studies" VALUES(3,'a name with spaces');
INSERT INTO "studies" VALUES(4,'bounds-moved');
INSERT INTO "studies" VALUES(5,'empty');
CREATE TABLE study_directions (
	study_direction_id INTEGER NOT NULL, 
	direction VARCHAR(8) NOT NULL, 
	study_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	PRIMARY KEY (study_direction_id), 
	UNIQUE (study_id, objective), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_directions" VALUES(1,'MINIMIZE',1,0);
INSERT INTO "study_directions" VALUES(2,'MINIMIZE',2,0);
INSERT INTO "study_directions" VALUES(3,'MAXIMIZE',2,1);
INSERT INTO "study_directions" VALUES(4,'MAXIMIZE',3,0);
INSERT INTO "study_directions" VALUES(5,'MAXIMIZE',4,0);
INSERT INTO "study_directions" VALUES(6,'MINIMIZE',5,0);
CREATE TABLE study_system_attributes (
	study_system_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_system_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_system_attributes" VALUES(1,1,'study:metric_names','["val_loss"]');
CREATE TABLE study_user_attributes (
	study_user_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_user_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_user_attributes" VALUES(1,1,'owner','"me"');
CREATE TABLE trial_heartbeats (
	trial_heartbeat_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	heartbeat DATETIME NOT NULL, 
	PRIMARY KEY (trial_heartbeat_id), 
	UNIQUE (trial_id), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_intermediate_values (
	trial_intermediate_value_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	step INTEGER NOT NULL, 
	intermediate_value FLOAT, 
	intermediate_value_type VARCHAR(7) NOT NULL, 
	PRIMARY KEY (trial_intermediate_value_id), 
	UNIQUE (trial_id, step), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_intermediate_values" VALUES(1,1,1,0.5,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(2,1,2,NULL,'NAN');
INSERT INTO "trial_intermediate_values" VALUES(3,1,3,NULL,'INF_POS');
INSERT INTO "trial_intermediate_values" VALUES(4,2,1,0.5,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(5,2,2,0.25,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(6,2,3,1.66666666666666657414e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(7,3,1,0.5,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(8,3,2,0.25,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(9,3,3,1.66666666666666657414e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(10,4,1,0.5,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(11,4,2,NULL,'NAN');
INSERT INTO "trial_intermediate_values" VALUES(12,4,3,NULL,'INF_POS');
INSERT INTO "trial_intermediate_values" VALUES(13,5,1,0.5,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(14,5,2,0.25,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(15,5,3,1.66666666666666657414e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(16,6,1,0.5,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(17,6,2,0.25,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(18,6,3,1.66666666666666657414e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(19,7,1,0.5,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(20,7,2,NULL,'NAN');
INSERT INTO "trial_intermediate_values" VALUES(21,7,3,NULL,'INF_POS');
INSERT INTO "trial_intermediate_values" VALUES(22,8,1,0.5,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(23,8,2,0.25,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(24,8,3,1.66666666666666657414e-01,'FINITE');
CREATE TABLE trial_params (
	param_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	param_name VARCHAR(512), 
	param_value FLOAT, 
	distribution_json TEXT, 
	PRIMARY KEY (param_id), 
	UNIQUE (trial_id, param_name), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_params" VALUES(1,1,'learning_rate',0.01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 1.0, "log": true}}');
INSERT INTO "trial_params" VALUES(2,1,'optimizer',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["sgd", "adam"]}}');
INSERT INTO "trial_params" VALUES(3,1,'layers',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 9}}');
INSERT INTO "trial_params" VALUES(4,1,'momentum',0.5,'{"name": "FloatDistribution", "attributes": {"step": 0.1, "low": 0.0, "high": 0.9, "log": false}}');
INSERT INTO "trial_params" VALUES(5,2,'learning_rate',1.21649414641518426906e-03,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 1.0, "log": true}}');
INSERT INTO "trial_params" VALUES(6,2,'optimizer',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["sgd", "adam"]}}');
INSERT INTO "trial_params" VALUES(7,2,'layers',3.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 9}}');
INSERT INTO "trial_params" VALUES(8,2,'momentum',0.1,'{"name": "FloatDistribution", "attributes": {"step": 0.1, "low": 0.0, "high": 0.9, "log": false}}');
INSERT INTO "trial_params" VALUES(9,3,'learning_rate',2.89529602334928339241e-05,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 1.0, "log": true}}');
INSERT INTO "trial_params" VALUES(10,3,'optimizer',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["sgd", "adam"]}}');
INSERT INTO "trial_params" VALUES(11,3,'layers',4.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 9}}');
INSERT INTO "trial_params" VALUES(12,4,'learning_rate',4.9440592873986758185e-03,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 1.0, "log": true}}');
INSERT INTO "trial_params" VALUES(13,4,'optimizer',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["sgd", "adam"]}}');
INSERT INTO "trial_params" VALUES(14,4,'layers',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 9}}');
INSERT INTO "trial_params" VALUES(15,5,'learning_rate',2.45803001614776667205e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 1.0, "log": true}}');
INSERT INTO "trial_params" VALUES(16,5,'optimizer',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["sgd", "adam"]}}');
INSERT INTO "trial_params" VALUES(17,5,'layers',4.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 9}}');
INSERT INTO "trial_params" VALUES(18,6,'learning_rate',6.21511461797611807628e-03,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 1.0, "log": true}}');
INSERT INTO "trial_params" VALUES(19,6,'optimizer',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["sgd", "adam"]}}');
INSERT INTO "trial_params" VALUES(20,6,'layers',8.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 9}}');
INSERT INTO "trial_params" VALUES(21,7,'learning_rate',6.93917561414593708768e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 1.0, "log": true}}');
INSERT INTO "trial_params" VALUES(22,7,'optimizer',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["sgd", "adam"]}}');
INSERT INTO "trial_params" VALUES(23,7,'layers',8.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 9}}');
INSERT INTO "trial_params" VALUES(24,8,'learning_rate',2.97189401607167391627e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 1.0, "log": true}}');
INSERT INTO "trial_params" VALUES(25,8,'optimizer',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["sgd", "adam"]}}');
INSERT INTO "trial_params" VALUES(26,8,'layers',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 9}}');
INSERT INTO "trial_params" VALUES(27,8,'momentum',0.8,'{"name": "FloatDistribution", "attributes": {"step": 0.1, "low": 0.0, "high": 0.9, "log": false}}');
INSERT INTO "trial_params" VALUES(28,11,'lr',3.52661565686971448241e-02,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0001, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(29,12,'lr',9.72352253221644719644e-04,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0001, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(30,13,'lr',1.05176083107972500371e-04,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0001, "high": 0.01, "log": true}}');
INSERT INTO "trial_params" VALUES(31,14,'lr',1.08524917860842074097e-03,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.001, "high": 0.1, "log": true}}');
CREATE TABLE trial_system_attributes (
	trial_system_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_system_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_system_attributes" VALUES(1,1,'fixed_params','{"learning_rate": 0.01, "optimizer": "sgd", "layers": 2, "momentum": 0.5}');
INSERT INTO "trial_system_attributes" VALUES(2,10,'fixed_params','{"learning_rate": 0.1}');
INSERT INTO "trial_system_attributes" VALUES(3,11,'NSGAIISampler:generation','0');
CREATE TABLE trial_user_attributes (
	trial_user_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_user_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_user_attributes" VALUES(1,1,'started_epoch','1729982400.123456');
INSERT INTO "trial_user_attributes" VALUES(2,1,'completed_epoch','1729983900.123456');
INSERT INTO "trial_user_attributes" VALUES(3,2,'started_epoch','1729985400.123456');
INSERT INTO "trial_user_attributes" VALUES(4,2,'completed_epoch','1729986900.123456');
INSERT INTO "trial_user_attributes" VALUES(5,3,'started_epoch','1729988400.123456');
INSERT INTO "trial_user_attributes" VALUES(6,3,'completed_epoch','1729989900.123456');
INSERT INTO "trial_user_attributes" VALUES(7,4,'started_epoch','1729991400.123456');
INSERT INTO "trial_user_attributes" VALUES(8,4,'completed_epoch','1729992900.123456');
INSERT INTO "trial_user_attributes" VALUES(9,5,'started_epoch','1729994400.123456');
INSERT INTO "trial_user_attributes" VALUES(10,5,'completed_epoch','1729995900.123456');
INSERT INTO "trial_user_attributes" VALUES(11,6,'started_epoch','1729997400.123456');
INSERT INTO "trial_user_attributes" VALUES(12,6,'completed_epoch','1729998900.123456');
INSERT INTO "trial_user_attributes" VALUES(13,7,'started_epoch','1730000400.123456');
INSERT INTO "trial_user_attributes" VALUES(14,7,'completed_epoch','1730001900.123456');
INSERT INTO "trial_user_attributes" VALUES(15,8,'started_epoch','1730003400.123456');
INSERT INTO "trial_user_attributes" VALUES(16,8,'completed_epoch','1730004900.123456');
INSERT INTO "trial_user_attributes" VALUES(17,9,'started_epoch','1730006400.123456');
INSERT INTO "trial_user_attributes" VALUES(18,11,'started_epoch','1730007900.123456');
INSERT INTO "trial_user_attributes" VALUES(19,11,'completed_epoch','1730009400.123456');
INSERT INTO "trial_user_attributes" VALUES(20,12,'started_epoch','1730010900.123456');
INSERT INTO "trial_user_attributes" VALUES(21,12,'completed_epoch','1730012400.123456');
INSERT INTO "trial_user_attributes" VALUES(22,13,'started_epoch','1730013900.123456');
INSERT INTO "trial_user_attributes" VALUES(23,13,'completed_epoch','1730015400.123456');
INSERT INTO "trial_user_attributes" VALUES(24,14,'started_epoch','1730016900.123456');
INSERT INTO "trial_user_attributes" VALUES(25,14,'completed_epoch','1730018400.123456');
CREATE TABLE trial_values (
	trial_value_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	value FLOAT, 
	value_type VARCHAR(7) NOT NULL, 
	PRIMARY KEY (trial_value_id), 
	UNIQUE (trial_id, objective), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_values" VALUES(1,1,0,0.0,'FINITE');
INSERT INTO "trial_values" VALUES(2,2,0,9.1488997648712988564e-01,'FINITE');
INSERT INTO "trial_values" VALUES(3,3,0,2.53830702615601122573e+00,'FINITE');
INSERT INTO "trial_values" VALUES(4,4,0,3.05916329983215273813e-01,'FINITE');
INSERT INTO "trial_values" VALUES(5,5,0,1.39058718195472708067e+00,'FINITE');
INSERT INTO "trial_values" VALUES(6,6,0,1.66666666666666657414e-01,'FINITE');
INSERT INTO "trial_values" VALUES(7,8,0,1.47303331751923627379e+00,'FINITE');
INSERT INTO "trial_values" VALUES(8,11,0,1.0,'FINITE');
INSERT INTO "trial_values" VALUES(9,11,1,2.0,'FINITE');
INSERT INTO "trial_values" VALUES(10,12,0,NULL,'INF_POS');
INSERT INTO "trial_values" VALUES(11,13,0,0.5,'FINITE');
INSERT INTO "trial_values" VALUES(12,14,0,0.5,'FINITE');
CREATE TABLE trials (
	trial_id INTEGER NOT NULL, 
	number INTEGER, 
	study_id INTEGER, 
	state VARCHAR(8) NOT NULL, 
	datetime_start DATETIME, 
	datetime_complete DATETIME, 
	PRIMARY KEY (trial_id), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "trials" VALUES(1,0,1,'COMPLETE','2024-10-27 00:40:00.123456','2024-10-27 01:05:00.123456');
INSERT INTO "trials" VALUES(2,1,1,'COMPLETE','2024-10-27 01:30:00.123456','2024-10-27 01:55:00.123456');
INSERT INTO "trials" VALUES(3,2,1,'COMPLETE','2024-10-27 02:20:00.123456','2024-10-27 02:45:00.123456');
INSERT INTO "trials" VALUES(4,3,1,'COMPLETE','2024-10-27 02:10:00.123456','2024-10-27 02:35:00.123456');
INSERT INTO "trials" VALUES(5,4,1,'COMPLETE','2024-10-27 03:00:00.123456','2024-10-27 03:25:00.123456');
INSERT INTO "trials" VALUES(6,5,1,'PRUNED','2024-10-27 03:50:00.123456','2024-10-27 04:15:00.123456');
INSERT INTO "trials" VALUES(7,6,1,'FAIL','2024-10-27 04:40:00.123456','2024-10-27 05:05:00.123456');
INSERT INTO "trials" VALUES(8,7,1,'COMPLETE','2024-10-27 05:30:00.123456','2024-10-27 05:55:00.123456');
INSERT INTO "trials" VALUES(9,8,1,'RUNNING','2024-10-27 06:20:00.123456',NULL);
INSERT INTO "trials" VALUES(10,9,1,'WAITING',NULL,NULL);
INSERT INTO "trials" VALUES(11,0,2,'COMPLETE','2024-10-27 06:45:00.123456','2024-10-27 07:10:00.123456');
INSERT INTO "trials" VALUES(12,0,3,'COMPLETE','2024-10-27 07:35:00.123456','2024-10-27 08:00:00.123456');
INSERT INTO "trials" VALUES(13,0,4,'COMPLETE','2024-10-27 08:25:00.123456','2024-10-27 08:50:00.123456');
INSERT INTO "trials" VALUES(14,1,4,'COMPLETE','2024-10-27 09:15:00.123456','2024-10-27 09:40:00.123456');
CREATE TABLE version_info (
	version_info_id INTEGER NOT NULL, 
	schema_version INTEGER, 
	library_version VARCHAR(256), 
	PRIMARY KEY (version_info_id), 
	CHECK (version_info_id=1)
);
INSERT INTO "version_info" VALUES(1,12,'4.9.0');
CREATE UNIQUE INDEX ix_studies_study_name ON studies (study_name);
CREATE INDEX ix_trials_study_id ON trials (study_id);
COMMIT;
