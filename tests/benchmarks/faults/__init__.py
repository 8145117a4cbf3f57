"""Kills, stops and cuts under load: is anything acknowledged lost?"""
